/** Which files a source reads: paths and folders as the user gives them, found and judged before the first split. */

import { readdirSync, statSync } from "node:fs";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { MillraceError } from "../../core/errors.ts";

/** A file, a folder, or several of them. Relative paths start at the folder in which the job was started or submitted. */
export type Paths = string | readonly string[];

export interface InputFile {
  /** Absolute. */
  readonly path: string;
  /** In bytes, when the job began. What is appended later is not read. */
  readonly size: number;
}

/**
 * The files behind the paths, in the given order; those of a folder in the order of their names.
 * @throws MillraceError INPUT_UNREADABLE for what does not exist, a folder without a matching file, what is not a file.
 */
export async function inputFiles(
  paths: Paths,
  extensions: readonly string[],
  workingDirectory: string,
): Promise<readonly InputFile[]> {
  const files: InputFile[] = [];
  for (const path of listed(paths)) files.push(...(await filesAt(resolve(workingDirectory, path), extensions)));
  return files;
}

async function filesAt(path: string, extensions: readonly string[]): Promise<readonly InputFile[]> {
  const found = await stat(path).catch((cause) => {
    throw unreadable(path, cause);
  });
  if (found.isFile()) return [{ path, size: found.size }];
  if (!found.isDirectory()) throw unreadable(path, "it is neither a file nor a folder");
  const entries = await readdir(path).catch((cause) => {
    throw unreadable(path, cause);
  });
  const names = entries.filter((name) => extensions.some((extension) => name.endsWith(extension))).sort();
  if (names.length === 0) {
    throw unreadable(path, `the folder has no file that ends in ${extensions.join(" or ")}`);
  }
  return (await Promise.all(names.map((name) => filesAt(join(path, name), extensions)))).flat();
}

/** How many bytes the files behind the paths have together; undefined where that cannot be told. */
export function inputBytes(paths: Paths, extensions: readonly string[], workingDirectory: string): number | undefined {
  try {
    return listed(paths).reduce((sum, path) => sum + bytesAt(resolve(workingDirectory, path), extensions), 0);
  } catch {
    return undefined; // whoever reads them says what is wrong
  }
}

function bytesAt(path: string, extensions: readonly string[]): number {
  const found = statSync(path);
  if (!found.isDirectory()) return found.size;
  const names = readdirSync(path).filter((name) => extensions.some((extension) => name.endsWith(extension)));
  return names.reduce((sum, name) => sum + bytesAt(join(path, name), extensions), 0);
}

/** @throws MillraceError INPUT_UNREADABLE */
export async function openInput(path: string): Promise<FileHandle> {
  return await open(path, "r").catch((cause) => {
    throw unreadable(path, cause);
  });
}

/**
 * Fills `into` from the file's `position` on, as far as the file goes.
 * @returns the number of bytes read.
 * @throws MillraceError INPUT_UNREADABLE
 */
export async function readInto(handle: FileHandle, into: Uint8Array, position: number, path: string): Promise<number> {
  let length = 0;
  while (length < into.length) {
    const { bytesRead } = await handle.read(into, length, into.length - length, position + length).catch((cause) => {
      throw unreadable(path, cause);
    });
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

export function unreadable(path: string, why: unknown): MillraceError {
  const reason = why instanceof Error ? why.message : String(why);
  const details = why instanceof Error ? { cause: why } : {};
  return new MillraceError("INPUT_UNREADABLE", `cannot read ${path}: ${reason}`, details);
}

/** The name of a source: its format, and the path as the user wrote it. */
export function sourceName(format: string, paths: Paths): string {
  const [first = "", ...others] = listed(paths);
  return `${format}:${first}${others.length > 0 ? ` and ${others.length} more` : ""}`;
}

/** @throws MillraceError BAD_OPTION when there is none, or when one is not a path. */
export function listed(paths: Paths): readonly string[] {
  const list = typeof paths === "string" ? [paths] : paths;
  if (!Array.isArray(list) || list.length === 0 || list.some((path) => typeof path !== "string" || path === "")) {
    throw new MillraceError(
      "BAD_OPTION",
      `a file source expects a path or a list of paths, got ${JSON.stringify(paths)}`,
    );
  }
  return list;
}
