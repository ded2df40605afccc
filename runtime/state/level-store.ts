/**
 * Checkpoints in LevelDB: one value a block, and one synced batch for all that a worker writes at once.
 *
 *   b/<checkpoint>/<worker>/<number, 9 digits>   a block
 *   m/<checkpoint>                               a manifest
 *
 * One process opens a store, and LevelDB's lock keeps others out. LevelDB recovers in silence what it can when its log is
 * damaged; that something is missing is found by the manifest, which knows its blocks.
 */

import { Level } from "level";
import {
  BLOCKS_READ_AHEAD,
  type BlockBatch,
  type BlockPlace,
  type CheckpointName,
  type CheckpointStore,
  checkBatch,
  storeFailed,
} from "./checkpoint-store.ts";

/** Blocks are compressed little and read in order: larger write buffers spare rewriting them. */
const WRITE_BUFFER_BYTES = 32 * 1024 * 1024;

/** Behind every key of a prefix: names have no such character. */
const END = "\uffff";

const bytes = { valueEncoding: "view" } as const;

/** @throws CHECKPOINT_STORE when the folder cannot be made or read, or another process has it open. */
export async function openLevelStore(location: string): Promise<CheckpointStore> {
  const db = new Level<string, Uint8Array>(location, { ...bytes, writeBufferSize: WRITE_BUFFER_BYTES });
  try {
    await db.open();
  } catch (cause) {
    throw storeFailed("be opened", location, cause);
  }
  return new LevelStore(db, location);
}

class LevelStore implements CheckpointStore {
  readonly #db: Level<string, Uint8Array>;
  readonly #location: string;

  constructor(db: Level<string, Uint8Array>, location: string) {
    this.#db = db;
    this.#location = location;
  }

  async writeBlocks(batch: BlockBatch): Promise<void> {
    checkBatch(batch);
    const { checkpoint, worker, first, blocks } = batch;
    const puts = blocks.map((value, i) => {
      return { type: "put" as const, key: blockKey({ checkpoint, worker, number: first + i }), value };
    });
    await this.#do("write blocks", () => this.#db.batch(puts, { sync: true }));
  }

  async writeManifest(name: CheckpointName, manifest: Uint8Array): Promise<void> {
    await this.#do("write a manifest", () => this.#db.put(manifestKey(name), manifest, { sync: true }));
  }

  readManifest(name: CheckpointName): Promise<Uint8Array | undefined> {
    return this.#do("read a manifest", () => this.#db.get(manifestKey(name)));
  }

  manifests(): Promise<readonly CheckpointName[]> {
    return this.#do("list manifests", async () => {
      const keys = await this.#db.keys({ gte: "m/", lt: `m/${END}` }).all();
      return keys.map((key) => key.slice(2) as CheckpointName);
    });
  }

  async *readBlocks(places: readonly BlockPlace[]): AsyncGenerator<Uint8Array | undefined> {
    const chunks: BlockPlace[][] = [];
    for (let at = 0; at < places.length; at += BLOCKS_READ_AHEAD) chunks.push(places.slice(at, at + BLOCKS_READ_AHEAD));
    const read = (chunk: readonly BlockPlace[]) =>
      this.#do("read blocks", () => this.#db.getMany(chunk.map(blockKey), { fillCache: false }));
    let next = chunks[0] === undefined ? undefined : read(chunks[0]);
    for (let i = 0; next !== undefined; i++) {
      const values: readonly (Uint8Array | undefined)[] = await next;
      const following = chunks[i + 1];
      // The next ones are read while these are used; a failure shows when it is their turn.
      next = following === undefined ? undefined : read(following);
      next?.catch(() => {});
      yield* values;
    }
  }

  checkpointsWithBlocks(): Promise<readonly CheckpointName[]> {
    return this.#do("list blocks", async () => {
      const names: CheckpointName[] = [];
      // Each checkpoint is found by one step to the first key behind those of the one before.
      for (let from = "b/"; ; from = `b/${names.at(-1)}/${END}`) {
        const [key] = await this.#db.keys({ gt: from, lt: `b/${END}`, limit: 1 }).all();
        if (key === undefined) return names.sort();
        names.push(key.split("/")[1] as CheckpointName);
      }
    });
  }

  async deleteManifest(name: CheckpointName): Promise<void> {
    await this.#do("delete a manifest", () => this.#db.del(manifestKey(name), { sync: true }));
  }

  async deleteBlocks(name: CheckpointName): Promise<void> {
    await this.#do("delete blocks", () => this.#db.clear({ gte: `b/${name}/`, lt: `b/${name}/${END}` }));
  }

  async close(): Promise<void> {
    await this.#do("be closed", () => this.#db.close());
  }

  async #do<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      throw storeFailed(what, this.#location, cause);
    }
  }
}

function manifestKey(name: CheckpointName): string {
  return `m/${name}`;
}

function blockKey({ checkpoint, worker, number }: BlockPlace): string {
  return `b/${checkpoint}/${worker}/${String(number).padStart(9, "0")}`;
}
