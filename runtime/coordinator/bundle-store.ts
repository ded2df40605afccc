/**
 * Bundled programs by their hash: `bundles/<sha-256>.mjs`. What has a name is whole and is what the name says: it is
 * written beside, synced, and renamed.
 */

import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import { BUNDLE_BYTES_MAX } from "../../core/limits.ts";
import type { BundleHash } from "../cluster-ids.ts";
import { bundleFile } from "./job-paths.ts";

export interface StoredBundle {
  readonly hash: BundleHash;
  readonly bytes: number;
  readonly storedAtMs: number;
}

export class BundleStore {
  readonly #folder: string;
  #serial = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the folder, and clears away what a crash has left half written. */
  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const names = await readdir(this.#folder);
    await Promise.all(
      names.filter((name) => name.endsWith(".part")).map((name) => rm(join(this.#folder, name), { force: true })),
    );
  }

  path(hash: BundleHash): string {
    return bundleFile(this.#folder, hash);
  }

  async has(hash: BundleHash): Promise<boolean> {
    return (await this.#describe(hash)) !== undefined;
  }

  /** @throws BAD_OPTION when the code has another hash or is too large, STORE_FAILED when it cannot be written. */
  async put(hash: BundleHash, code: Uint8Array): Promise<StoredBundle> {
    const path = this.path(hash);
    if (code.byteLength > BUNDLE_BYTES_MAX) {
      throw new MillraceError(
        "BAD_OPTION",
        `the bundle has ${code.byteLength} bytes, more than ${BUNDLE_BYTES_MAX}; leave data out of the program`,
      );
    }
    const actual = createHash("sha256").update(code).digest("hex");
    if (actual !== hash) throw new MillraceError("BAD_OPTION", `the bundle's hash is ${actual}, not ${hash}`);
    const known = await this.#describe(hash);
    if (known !== undefined) return known;
    const part = `${path}.${++this.#serial}.part`;
    try {
      const file = await open(part, "w", 0o600);
      try {
        await file.writeFile(code);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(part, path);
    } catch (cause) {
      await rm(part, { force: true });
      throw new MillraceError("STORE_FAILED", `the bundle cannot be written to ${path}: ${String(cause)}`, { cause });
    }
    return (await this.#describe(hash)) as StoredBundle;
  }

  async read(hash: BundleHash): Promise<Uint8Array | undefined> {
    return orUndefined(readFile(this.path(hash)));
  }

  async list(): Promise<readonly StoredBundle[]> {
    const hashes = (await readdir(this.#folder))
      .map((name) => /^([0-9a-f]{64})\.mjs$/.exec(name)?.[1])
      .filter((hash) => hash !== undefined);
    const bundles = await Promise.all(hashes.map((hash) => this.#describe(hash as BundleHash)));
    return bundles.filter((bundle) => bundle !== undefined).sort((a, b) => a.storedAtMs - b.storedAtMs);
  }

  /** False when there is none. */
  async delete(hash: BundleHash): Promise<boolean> {
    if (!(await this.has(hash))) return false;
    await rm(this.path(hash), { force: true });
    return true;
  }

  async #describe(hash: BundleHash): Promise<StoredBundle | undefined> {
    const found = await orUndefined(stat(this.path(hash)));
    return found && { hash, bytes: found.size, storedAtMs: Math.round(found.mtimeMs) };
  }
}

async function orUndefined<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
}
