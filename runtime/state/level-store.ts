/**
 * Checkpoints in LevelDB: one value a block, and one synced batch for all that a worker writes at once.
 *
 *   b/<checkpoint>/<worker>/<number, 9 digits>   a block
 *   m/<checkpoint>                               a manifest
 *   n/<name>                                     a note
 *
 * A database holds one store, or that of a worker many: then the keys of each begin with `p/<place>/`.
 *
 * One process opens a database, and LevelDB's lock keeps others out. LevelDB recovers in silence what it can when its log
 * is damaged; that something is missing is found by the manifest, which knows its blocks.
 */

import { Level } from "level";
import { assert } from "../../core/assert.ts";
import {
  BLOCKS_READ_AHEAD,
  type BlockBatch,
  type BlockPlace,
  type CheckpointName,
  type CheckpointNotes,
  type CheckpointStore,
  checkBatch,
  storeFailed,
} from "./checkpoint-store.ts";
import { makeFolder, systemFiles } from "./files.ts";
import { ReopenedLevel } from "./reopened-level.ts";

/** Blocks are compressed little and read in order: larger write buffers spare rewriting them. */
const WRITE_BUFFER_BYTES = 32 * 1024 * 1024;

/** Behind every key of a prefix: names have no such character. */
const END = "\uffff";

const bytes = { valueEncoding: "view" } as const;

type Database = Level<string, Uint8Array>;

/** A store with a database of its own. @throws CHECKPOINT_STORE when it cannot be opened, or another process has it open. */
export async function openLevelStore(location: string): Promise<CheckpointStore & CheckpointNotes> {
  const database = await LevelDatabase.open(location);
  return new LevelStore(database, "", () => database.close());
}

/** Whose stores are named by their places: letters, digits, dots, dashes and underscores, and slashes between. */
export class LevelDatabase {
  readonly location: string;
  readonly #level: ReopenedLevel<Uint8Array>;

  private constructor(db: Database, location: string) {
    this.#level = new ReopenedLevel(db);
    this.location = location;
  }

  /** Made if it is not there. @throws CHECKPOINT_STORE; see `isLocked`. */
  static async open(location: string): Promise<LevelDatabase> {
    // LevelDB does not see to it that its folder's name survives a loss of power.
    return await LevelDatabase.#opened(location, true, () => makeFolder(systemFiles, location));
  }

  /** One that is there: nothing is made where another process has just deleted it. @throws as above */
  static async openExisting(location: string): Promise<LevelDatabase> {
    return await LevelDatabase.#opened(location, false, async () => {});
  }

  static async #opened(location: string, create: boolean, prepare: () => Promise<void>): Promise<LevelDatabase> {
    const options = { ...bytes, writeBufferSize: WRITE_BUFFER_BYTES, createIfMissing: create };
    const db = new Level<string, Uint8Array>(location, options);
    try {
      await prepare();
      await db.open();
    } catch (cause) {
      throw storeFailed("be opened", location, cause);
    }
    return new LevelDatabase(db, location);
  }

  /** REQUIRES: a place of two parts. Closing it does nothing. */
  store(place: string): CheckpointStore {
    assert(/^[\w.-]+\/[\w.-]+$/.test(place), `"${place}" is no place of checkpoints`);
    return new LevelStore(this, `p/${place}/`, async () => {});
  }

  /** Those that have anything. */
  places(): Promise<readonly string[]> {
    return this.read("list places", async (db) => {
      const places: string[] = [];
      for (let from = "p/"; ; from = `p/${places.at(-1)}/${END}`) {
        const [key] = await db.keys({ gt: from, lt: `p/${END}`, limit: 1 }).all();
        if (key === undefined) return places;
        places.push(key.split("/").slice(1, 3).join("/"));
      }
    });
  }

  /** Removes all of a place, or of all places that begin so and with a slash behind it. */
  async remove(place: string): Promise<void> {
    await this.write("delete a place", (db) => db.clear({ gte: `p/${place}/`, lt: `p/${place}/${END}` }));
  }

  close(): Promise<void> {
    return this.#named("be closed", this.#level.close());
  }

  /** @throws CHECKPOINT_STORE, with what it failed at. */
  async read<T>(what: string, act: (db: Database) => Promise<T>): Promise<T> {
    return await this.#named(what, this.#level.read(act));
  }

  /** @throws CHECKPOINT_STORE, with what it failed at. */
  async write<T>(what: string, act: (db: Database) => Promise<T>): Promise<T> {
    return await this.#named(what, this.#level.write(act));
  }

  async #named<T>(what: string, done: Promise<T>): Promise<T> {
    try {
      return await done;
    } catch (cause) {
      throw storeFailed(what, this.location, cause);
    }
  }
}

/** Whether a store could not be opened as another process, or this one, has it open. */
export function isLocked(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if ((cause as { readonly code?: string }).code === "LEVEL_LOCKED") return true;
  return false;
}

class LevelStore implements CheckpointStore, CheckpointNotes {
  readonly #database: LevelDatabase;
  readonly #prefix: string;
  readonly #close: () => Promise<void>;

  constructor(database: LevelDatabase, prefix: string, close: () => Promise<void>) {
    this.#database = database;
    this.#prefix = prefix;
    this.#close = close;
  }

  async writeBlocks(batch: BlockBatch): Promise<void> {
    checkBatch(batch);
    const { checkpoint, worker, first, blocks } = batch;
    const puts = blocks.map((value, i) => {
      return { type: "put" as const, key: this.#blockKey({ checkpoint, worker, number: first + i }), value };
    });
    await this.#database.write("write blocks", (db) => db.batch(puts, { sync: true }));
  }

  async writeManifest(name: CheckpointName, manifest: Uint8Array): Promise<void> {
    await this.#database.write("write a manifest", (db) => db.put(this.#manifestKey(name), manifest, { sync: true }));
  }

  readManifest(name: CheckpointName): Promise<Uint8Array | undefined> {
    return this.#do("read a manifest", (db) => db.get(this.#manifestKey(name)));
  }

  manifests(): Promise<readonly CheckpointName[]> {
    return this.#do("list manifests", async (db) => {
      const keys = await db.keys(this.#range("m/")).all();
      return keys.map((key) => key.slice(this.#prefix.length + 2) as CheckpointName);
    });
  }

  async *readBlocks(places: readonly BlockPlace[]): AsyncGenerator<Uint8Array | undefined> {
    const chunks: BlockPlace[][] = [];
    for (let at = 0; at < places.length; at += BLOCKS_READ_AHEAD) chunks.push(places.slice(at, at + BLOCKS_READ_AHEAD));
    const read = (chunk: readonly BlockPlace[]) =>
      this.#do("read blocks", (db) =>
        db.getMany(
          chunk.map((place) => this.#blockKey(place)),
          { fillCache: false },
        ),
      );
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
    return this.#do("list blocks", async (db) => {
      const names: CheckpointName[] = [];
      // Each checkpoint is found by one step to the first key behind those of the one before.
      const { lt } = this.#range("b/");
      for (let gt = `${this.#prefix}b/`; ; gt = `${this.#prefix}b/${names.at(-1)}/${END}`) {
        const [key] = await db.keys({ gt, lt, limit: 1 }).all();
        if (key === undefined) return names.sort();
        names.push(key.slice(this.#prefix.length).split("/")[1] as CheckpointName);
      }
    });
  }

  async deleteManifest(name: CheckpointName): Promise<void> {
    await this.#database.write("delete a manifest", (db) => db.del(this.#manifestKey(name), { sync: true }));
  }

  async deleteBlocks(name: CheckpointName): Promise<void> {
    await this.#database.write("delete blocks", (db) => db.clear(this.#range(`b/${name}/`)));
  }

  readNote(name: string): Promise<Uint8Array | undefined> {
    return this.#do("read a note", (db) => db.get(`${this.#prefix}n/${name}`));
  }

  async writeNote(name: string, note: Uint8Array): Promise<void> {
    await this.#database.write("write a note", (db) => db.put(`${this.#prefix}n/${name}`, note, { sync: true }));
  }

  close(): Promise<void> {
    return this.#close();
  }

  #do<T>(what: string, act: (db: Database) => Promise<T>): Promise<T> {
    return this.#database.read(what, act);
  }

  #range(of: string): { readonly gte: string; readonly lt: string } {
    return { gte: `${this.#prefix}${of}`, lt: `${this.#prefix}${of}${END}` };
  }

  #manifestKey(name: CheckpointName): string {
    return `${this.#prefix}m/${name}`;
  }

  #blockKey({ checkpoint, worker, number }: BlockPlace): string {
    return `${this.#prefix}b/${checkpoint}/${worker}/${String(number).padStart(9, "0")}`;
  }
}
