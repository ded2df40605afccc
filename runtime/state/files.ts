/**
 * What stores need of a file system. Node's own fulfils it; a simulation brings one of its own, which forgets at a loss of
 * power what was not synced.
 */

import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

export interface OpenFile extends AsyncDisposable {
  /** At the end of what was written by this handle so far; of a file that is open for appending at its end. */
  writeFile(data: Uint8Array | string): Promise<void>;
  read(into: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  stat(): Promise<{ readonly size: number }>;
  /** Resolves when what was written, or a folder's names, survive a loss of power. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Fails as `node:fs/promises` does, with the codes ENOENT, EEXIST and ENOSPC where these are the reason. */
export interface Files {
  /** Resolves with the first folder that it made, undefined if all were there. */
  mkdir(path: string, options: { readonly recursive: true; readonly mode?: number }): Promise<string | undefined>;
  /** A folder can be opened for reading, so that it can be synced. */
  open(path: string, flags?: "r" | "w" | "wx" | "a", mode?: number): Promise<OpenFile>;
  readdir(path: string): Promise<string[]>;
  readFile(path: string): Promise<Uint8Array>;
  /** Replaces what has the new name. */
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { readonly force: true; readonly recursive?: boolean }): Promise<void>;
}

export const systemFiles: Files = { mkdir, open, readdir, readFile, rename, rm };

/**
 * Makes a folder with all above it, whose names survive a loss of power: those too that another process has made a moment ago
 * and has not synced. Folders above that this process may not open were there before it.
 */
export async function makeFolder(files: Files, path: string, mode?: number): Promise<void> {
  await files.mkdir(path, { recursive: true, ...(mode === undefined ? {} : { mode }) });
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    try {
      await syncFolder(files, folder);
    } catch (error) {
      if (!isForbidden(error)) throw error;
    }
    if (folder === dirname(folder)) return;
  }
}

function isForbidden(error: unknown): boolean {
  return ["EACCES", "EPERM", "EROFS", "EINVAL"].includes((error as NodeJS.ErrnoException).code ?? "");
}

/** The folder's names survive a loss of power. */
export async function syncFolder(files: Files, folder: string): Promise<void> {
  await using handle = await files.open(folder);
  await handle.sync();
}

export async function unlessAbsent<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
