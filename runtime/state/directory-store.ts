/**
 * Checkpoints in a folder, which may be on a file system that several hosts share.
 *
 *   <root>/blocks/<checkpoint>/<worker>@<first number>   what a worker wrote at once
 *   <root>/manifests/<checkpoint>                        a manifest
 *   <root>/<name>                                        a note
 *
 * Each file is written beside its place under a name that starts with a dot, synced, renamed, and its folder is synced: it
 * is there whole or not at all. What is in a file of blocks is told by `block-file.ts`.
 */

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { faultPoint } from "../fault-point.ts";
import { HEAD_START_BYTES, headBytes, headOf, startsIn } from "./block-file.ts";
import {
  type BlockBatch,
  type BlockPlace,
  type CheckpointName,
  type CheckpointNotes,
  type CheckpointStore,
  checkBatch,
  storeFailed,
} from "./checkpoint-store.ts";
import { type Files, makeFolder, type OpenFile, syncFolder, systemFiles, unlessAbsent } from "./files.ts";

/** @throws CHECKPOINT_STORE when the folder cannot be made. */
export async function openDirectoryStore(
  root: string,
  files: Files = systemFiles,
): Promise<CheckpointStore & CheckpointNotes> {
  try {
    await files.mkdir(join(root, "blocks"), { recursive: true });
    await makeFolder(files, join(root, "manifests"));
  } catch (cause) {
    throw storeFailed("be opened", root, cause);
  }
  return new DirectoryStore(root, files);
}

/** A file of blocks: where each starts, by number. */
interface BlockFile {
  readonly path: string;
  readonly first: number;
  readonly starts: readonly number[];
}

class DirectoryStore implements CheckpointStore, CheckpointNotes {
  readonly #root: string;
  readonly #fileSystem: Files;

  constructor(root: string, files: Files) {
    this.#root = root;
    this.#fileSystem = files;
  }

  async writeBlocks(batch: BlockBatch): Promise<void> {
    checkBatch(batch);
    const { checkpoint, worker, first, blocks } = batch;
    await this.#do("write blocks", async () => {
      const folder = join(this.#root, "blocks", checkpoint);
      const made = await this.#fileSystem.mkdir(folder, { recursive: true });
      if (made !== undefined) await syncFolder(this.#fileSystem, join(this.#root, "blocks"));
      await writeWhole(this.#fileSystem, folder, `${worker}@${first}`, [headOf(blocks), ...blocks]);
    });
  }

  async writeManifest(name: CheckpointName, manifest: Uint8Array): Promise<void> {
    await this.#do("write a manifest", () =>
      writeWhole(this.#fileSystem, join(this.#root, "manifests"), name, [manifest]),
    );
  }

  readManifest(name: CheckpointName): Promise<Uint8Array | undefined> {
    return this.#do("read a manifest", async () => {
      const bytes = await unlessAbsent(this.#fileSystem.readFile(join(this.#root, "manifests", name)));
      return bytes === undefined ? undefined : Uint8Array.from(bytes);
    });
  }

  manifests(): Promise<readonly CheckpointName[]> {
    return this.#do("list manifests", () => this.#names("manifests"));
  }

  async *readBlocks(places: readonly BlockPlace[]): AsyncGenerator<Uint8Array | undefined> {
    const folders = new Map<string, readonly BlockFile[]>();
    let opened: { readonly path: string; readonly handle: OpenFile } | undefined;
    try {
      for (const { checkpoint, worker, number } of places) {
        const of = `${checkpoint}/${worker}`;
        const files = folders.get(of) ?? (await this.#do("read blocks", () => this.#files(checkpoint, worker)));
        folders.set(of, files);
        const file = files.find(({ first, starts }) => number >= first && number < first + starts.length - 1);
        if (file === undefined) {
          yield undefined;
          continue;
        }
        if (opened?.path !== file.path) {
          await opened?.handle.close();
          opened = undefined;
          const handle = await this.#do("read blocks", () => this.#fileSystem.open(file.path));
          opened = { path: file.path, handle };
        }
        const { handle } = opened;
        yield await this.#do("read blocks", () => readBlock(handle, file, number));
      }
    } finally {
      await opened?.handle.close();
    }
  }

  checkpointsWithBlocks(): Promise<readonly CheckpointName[]> {
    return this.#do("list blocks", () => this.#names("blocks"));
  }

  async deleteManifest(name: CheckpointName): Promise<void> {
    await this.#do("delete a manifest", async () => {
      await this.#fileSystem.rm(join(this.#root, "manifests", name), { force: true });
      await syncFolder(this.#fileSystem, join(this.#root, "manifests"));
    });
  }

  async deleteBlocks(name: CheckpointName): Promise<void> {
    const folder = join(this.#root, "blocks", name);
    await this.#do("delete blocks", () => this.#fileSystem.rm(folder, { recursive: true, force: true }));
  }

  readNote(name: string): Promise<Uint8Array | undefined> {
    return this.#do("read a note", () => unlessAbsent(this.#fileSystem.readFile(join(this.#root, name))));
  }

  async writeNote(name: string, note: Uint8Array): Promise<void> {
    await this.#do("write a note", () => writeWhole(this.#fileSystem, this.#root, name, [note]));
  }

  async close(): Promise<void> {}

  async #names(folder: string): Promise<readonly CheckpointName[]> {
    const names = await this.#fileSystem.readdir(join(this.#root, folder));
    return names.filter((name) => !name.startsWith(".")).sort() as CheckpointName[];
  }

  /** The files that a worker wrote, by number. */
  async #files(checkpoint: CheckpointName, worker: string): Promise<readonly BlockFile[]> {
    const folder = join(this.#root, "blocks", checkpoint);
    const names = (await unlessAbsent(this.#fileSystem.readdir(folder))) ?? [];
    const own = names.filter((name) => name.startsWith(`${worker}@`));
    return Promise.all(
      own.map((name) => readHead(this.#fileSystem, join(folder, name), Number(name.slice(worker.length + 1)))),
    );
  }

  async #do<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      throw storeFailed(what, this.#root, cause);
    }
  }
}

/** A file whose head is damaged has no blocks: whoever looks for them finds them missing. */
async function readHead(files: Files, path: string, first: number): Promise<BlockFile> {
  const handle = await files.open(path);
  try {
    const bytes = headBytes(await readAt(handle, 0, HEAD_START_BYTES));
    const { size } = await handle.stat();
    const whole = bytes !== undefined && bytes <= size;
    return { path, first, starts: whole ? startsIn(await readAt(handle, 0, bytes)) : [] };
  } finally {
    await handle.close();
  }
}

async function readBlock(handle: OpenFile, { first, starts }: BlockFile, number: number): Promise<Uint8Array> {
  const from = starts[number - first] as number;
  return readAt(handle, from, (starts[number - first + 1] as number) - from);
}

/** So many bytes, or fewer where the file ends. */
async function readAt(handle: OpenFile, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const { bytesRead } = await handle.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}

async function writeWhole(files: Files, folder: string, name: string, parts: readonly Uint8Array[]): Promise<void> {
  const temporary = join(folder, `.${name}.${randomBytes(6).toString("hex")}`);
  try {
    const handle = await files.open(temporary, "wx", 0o600);
    try {
      for (const part of parts) await handle.writeFile(part);
      await handle.sync();
    } finally {
      await handle.close();
    }
    faultPoint("store.file-synced");
    await files.rename(temporary, join(folder, name));
    faultPoint("store.file-renamed");
  } catch (error) {
    await files.rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(files, folder);
}
