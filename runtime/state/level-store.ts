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
 *
 * The law: a write that failed, as on a full disk, may have left a part of itself at the end of LevelDB's log, and what is
 * written behind that is lost at the next start, synced or not. So nothing is: the database is opened anew first.
 *
 *   open ──a write fails──► suspect ──next use: closed, opened──► open
 *                              ▲                      │ cannot be opened
 *                              └──────────────────────┘
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

/** Blocks are compressed little and read in order: larger write buffers spare rewriting them. */
const WRITE_BUFFER_BYTES = 32 * 1024 * 1024;

/** Behind every key of a prefix: names have no such character. */
const END = "\uffff";

const bytes = { valueEncoding: "view" } as const;

/** A store with a database of its own. @throws CHECKPOINT_STORE when it cannot be opened, or another process has it open. */
export async function openLevelStore(location: string): Promise<CheckpointStore & CheckpointNotes> {
  const database = await LevelDatabase.open(location);
  return new LevelStore(database, "", () => database.close());
}

/** Whose stores are named by their places: letters, digits, dots, dashes and underscores, and slashes between. */
export class LevelDatabase {
  readonly location: string;
  readonly db: Level<string, Uint8Array>;
  #suspect = false;
  #reopening: Promise<void> | undefined;

  private constructor(db: Level<string, Uint8Array>, location: string) {
    this.db = db;
    this.location = location;
  }

  /** @throws CHECKPOINT_STORE; see `isLocked`. */
  static async open(location: string): Promise<LevelDatabase> {
    const db = new Level<string, Uint8Array>(location, { ...bytes, writeBufferSize: WRITE_BUFFER_BYTES });
    try {
      // LevelDB does not see to it that its folder's name survives a loss of power.
      await makeFolder(systemFiles, location);
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
    return this.attempt("list places", async () => {
      const places: string[] = [];
      for (let from = "p/"; ; from = `p/${places.at(-1)}/${END}`) {
        const [key] = await this.db.keys({ gt: from, lt: `p/${END}`, limit: 1 }).all();
        if (key === undefined) return places;
        places.push(key.split("/").slice(1, 3).join("/"));
      }
    });
  }

  /** Removes all of a place, or of all places that begin so and with a slash behind it. */
  async remove(place: string): Promise<void> {
    await this.write("delete a place", () => this.db.clear({ gte: `p/${place}/`, lt: `p/${place}/${END}` }));
  }

  close(): Promise<void> {
    return this.attempt("be closed", () => this.db.close());
  }

  /** @throws CHECKPOINT_STORE, with what it failed at. */
  async attempt<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      if (this.#suspect) await this.#reopened();
      return await act();
    } catch (cause) {
      throw storeFailed(what, this.location, cause);
    }
  }

  /** The same for what writes. */
  write<T>(what: string, act: () => Promise<T>): Promise<T> {
    return this.attempt(what, async () => {
      try {
        return await act();
      } catch (cause) {
        this.#suspect = true;
        throw cause;
      }
    });
  }

  /** One after the other: who uses it meanwhile waits. */
  #reopened(): Promise<void> {
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined;
    });
    return this.#reopening;
  }

  async #reopen(): Promise<void> {
    if (this.db.status === "open") await this.db.close();
    await this.db.open();
    this.#suspect = false;
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
    await this.#database.write("write blocks", () => this.#database.db.batch(puts, { sync: true }));
  }

  async writeManifest(name: CheckpointName, manifest: Uint8Array): Promise<void> {
    await this.#database.write("write a manifest", () =>
      this.#database.db.put(this.#manifestKey(name), manifest, { sync: true }),
    );
  }

  readManifest(name: CheckpointName): Promise<Uint8Array | undefined> {
    return this.#do("read a manifest", () => this.#database.db.get(this.#manifestKey(name)));
  }

  manifests(): Promise<readonly CheckpointName[]> {
    return this.#do("list manifests", async () => {
      const keys = await this.#database.db.keys(this.#range("m/")).all();
      return keys.map((key) => key.slice(this.#prefix.length + 2) as CheckpointName);
    });
  }

  async *readBlocks(places: readonly BlockPlace[]): AsyncGenerator<Uint8Array | undefined> {
    const chunks: BlockPlace[][] = [];
    for (let at = 0; at < places.length; at += BLOCKS_READ_AHEAD) chunks.push(places.slice(at, at + BLOCKS_READ_AHEAD));
    const read = (chunk: readonly BlockPlace[]) =>
      this.#do("read blocks", () =>
        this.#database.db.getMany(
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
    return this.#do("list blocks", async () => {
      const names: CheckpointName[] = [];
      // Each checkpoint is found by one step to the first key behind those of the one before.
      const { lt } = this.#range("b/");
      for (let gt = `${this.#prefix}b/`; ; gt = `${this.#prefix}b/${names.at(-1)}/${END}`) {
        const [key] = await this.#database.db.keys({ gt, lt, limit: 1 }).all();
        if (key === undefined) return names.sort();
        names.push(key.slice(this.#prefix.length).split("/")[1] as CheckpointName);
      }
    });
  }

  async deleteManifest(name: CheckpointName): Promise<void> {
    await this.#database.write("delete a manifest", () =>
      this.#database.db.del(this.#manifestKey(name), { sync: true }),
    );
  }

  async deleteBlocks(name: CheckpointName): Promise<void> {
    await this.#database.write("delete blocks", () => this.#database.db.clear(this.#range(`b/${name}/`)));
  }

  readNote(name: string): Promise<Uint8Array | undefined> {
    return this.#do("read a note", () => this.#database.db.get(`${this.#prefix}n/${name}`));
  }

  async writeNote(name: string, note: Uint8Array): Promise<void> {
    await this.#database.write("write a note", () =>
      this.#database.db.put(`${this.#prefix}n/${name}`, note, { sync: true }),
    );
  }

  close(): Promise<void> {
    return this.#close();
  }

  #do<T>(what: string, act: () => Promise<T>): Promise<T> {
    return this.#database.attempt(what, act);
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
