/**
 * A worker's copies of bundled programs: files named by their content's SHA-256, asked for from the coordinator once.
 *
 * The law: what is given out has the content of its name. A file appears whole, under its name, by a rename; one that was
 * there before this process began is read and checked first. Several workers may share the folder, so a file is deleted
 * only when it has not been asked for in some minutes and this process runs none of it.
 */

import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, realpath, rename, rm, stat, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { MillraceError } from "../../core/errors.ts";
import { BUNDLE_KEPT_MS_MIN, BUNDLES_CACHED_MAX } from "../../core/limits.ts";
import type { BundleHash } from "../cluster-ids.ts";

export interface BundleCacheOptions {
  readonly folder: string;
  /** Asks the coordinator; it answers by `received`, or the connection is lost. */
  readonly request: (hash: BundleHash) => void;
  readonly kept?: number;
  readonly keptMsMin?: number;
}

const extension = ".mjs";

export class BundleCache {
  readonly #options: BundleCacheOptions;
  /** What is known to be whole on disk, or being got: the file's URL. */
  readonly #files = new Map<BundleHash, Promise<string>>();
  readonly #requested = new Map<BundleHash, PromiseWithResolvers<Uint8Array>>();
  readonly #users = new Map<BundleHash, number>();

  constructor(options: BundleCacheOptions) {
    this.#options = options;
  }

  /** The file's URL, without symbolic links. It stays until `release`. @throws BUNDLE_UNAVAILABLE */
  async get(hash: BundleHash): Promise<string> {
    this.#users.set(hash, (this.#users.get(hash) ?? 0) + 1);
    let file = this.#files.get(hash);
    if (file === undefined) {
      file = this.#find(hash);
      this.#files.set(hash, file);
      // The next one tries again; this one is told below.
      file.catch(() => this.#files.delete(hash));
    }
    try {
      return await file;
    } catch (cause) {
      this.release(hash);
      throw cause;
    }
  }

  release(hash: BundleHash): void {
    const users = (this.#users.get(hash) ?? 0) - 1;
    if (users > 0) this.#users.set(hash, users);
    else this.#users.delete(hash);
  }

  /** The coordinator's answer. Undefined: it has none. */
  received(hash: BundleHash, code: Uint8Array | undefined): void {
    const request = this.#requested.get(hash);
    this.#requested.delete(hash);
    if (code === undefined) request?.reject(unavailable(hash, "the coordinator does not have it any more"));
    else request?.resolve(code);
  }

  /** The coordinator will not answer any more. */
  connectionLost(): void {
    for (const [hash, request] of this.#requested) request.reject(unavailable(hash, "the coordinator is gone"));
    this.#requested.clear();
  }

  async #find(hash: BundleHash): Promise<string> {
    const path = join(this.#options.folder, `${hash}${extension}`);
    if (!(await isWhole(path, hash))) await this.#fetch(path, hash);
    const now = new Date();
    await utimes(path, now, now).catch(() => {});
    await this.#deleteOld();
    return pathToFileURL(await realpath(path)).href;
  }

  async #fetch(path: string, hash: BundleHash): Promise<void> {
    const request = Promise.withResolvers<Uint8Array>();
    this.#requested.set(hash, request);
    this.#options.request(hash);
    const code = await request.promise;
    if (sha256(code) !== hash) throw unavailable(hash, "what the coordinator sent has another content");
    try {
      await writeWhole(path, this.#options.folder, code);
    } catch (cause) {
      throw unavailable(hash, `it cannot be written to ${path}: ${(cause as Error).message}`, cause);
    }
  }

  /** Deletes what was not used for the longest time, as far as there are too many. */
  async #deleteOld(): Promise<void> {
    const { folder, kept = BUNDLES_CACHED_MAX, keptMsMin = BUNDLE_KEPT_MS_MIN } = this.#options;
    const names = (await readdir(folder)).filter((name) => name.endsWith(extension));
    if (names.length <= kept) return;
    // Another worker may delete the same at the same time.
    const files = await Promise.all(names.map(async (name) => ({ name, usedMs: await usedMs(join(folder, name)) })));
    const oldest = files.sort((a, b) => a.usedMs - b.usedMs).slice(0, names.length - kept);
    for (const { name, usedMs } of oldest) {
      const hash = name.slice(0, -extension.length) as BundleHash;
      if (this.#users.has(hash) || Date.now() - usedMs < keptMsMin) continue;
      this.#files.delete(hash);
      await unlink(join(folder, name)).catch(() => {});
    }
  }
}

async function isWhole(path: string, hash: BundleHash): Promise<boolean> {
  const code = await readFile(path).catch(() => undefined);
  return code !== undefined && sha256(code) === hash;
}

/** So that no reader ever sees a part of it, also after a crash. */
async function writeWhole(path: string, folder: string, code: Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const candidate = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const file = await open(candidate, "wx", 0o600);
    try {
      await file.writeFile(code);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(candidate, path);
  } catch (cause) {
    await rm(candidate, { force: true });
    throw cause;
  }
}

/** When a file was asked for last; gone: never. */
async function usedMs(path: string): Promise<number> {
  return await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

function sha256(code: Uint8Array): string {
  return createHash("sha256").update(code).digest("hex");
}

function unavailable(hash: BundleHash, why: string, cause?: unknown): MillraceError {
  return new MillraceError("BUNDLE_UNAVAILABLE", `this worker has no bundle ${hash.slice(0, 12)}…: ${why}`, { cause });
}
