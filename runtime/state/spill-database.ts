/**
 * The disk behind state that exceeds its memory budget: a LevelDB of one slot, read synchronously. It is scratch, wiped when
 * it is opened: what has to survive is in checkpoints.
 *
 * Writes are collected and written in batches in the background; until one is through, reads find its values here. When
 * the disk does not keep up, `overdue` is what a host has to wait for at the next end of a batch of records.
 */

import { rm } from "node:fs/promises";
import { Level } from "level";
import { MillraceError } from "../../core/errors.ts";

/** Large enough that a batch's overhead disappears in it. */
const BATCH_BYTES = 256 * 1024;

/** How much may wait to be written before processing has to. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;

/** Values that were just read will be in memory; the cache is for their neighbours. */
const CACHE_BYTES = 16 * 1024 * 1024;
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024;

const SPACE = 2 ** 32;

/** @throws STATE_SPILL */
export async function openSpillDatabase(location: string): Promise<SpillDatabase> {
  try {
    await rm(location, { recursive: true, force: true });
    const options = { keyEncoding: "view", valueEncoding: "view" } as const;
    const db = new Level<Uint8Array, Uint8Array>(location, {
      ...options,
      cacheSize: CACHE_BYTES,
      writeBufferSize: WRITE_BUFFER_BYTES,
    });
    await db.open();
    return new SpillDatabase(db, location);
  } catch (cause) {
    throw spillFailed("be opened", location, cause);
  }
}

export class SpillDatabase {
  readonly #db: Level<Uint8Array, Uint8Array>;
  readonly #location: string;
  #nextSpace = 0;
  #waiting = new Map<number, Uint8Array>();
  #waitingBytes = 0;
  #writing = new Map<number, Uint8Array>();
  #written: Promise<void> | undefined;
  #failure: MillraceError | undefined;
  /** How many values were read from disk, not from what is still to be written. */
  diskReads = 0;

  constructor(db: Level<Uint8Array, Uint8Array>, location: string) {
    this.#db = db;
    this.#location = location;
  }

  /** A range of places that nothing else uses. */
  newSpace(): number {
    return this.#nextSpace++;
  }

  /** What was put at a place last. REQUIRES: something was. @throws STATE_SPILL */
  get(space: number, slot: number): Uint8Array {
    const id = space * SPACE + slot;
    const waiting = this.#waiting.get(id) ?? this.#writing.get(id);
    if (waiting !== undefined) return waiting;
    let value: Uint8Array | undefined;
    try {
      value = this.#db.getSync(keyOf(id));
    } catch (cause) {
      throw spillFailed("be read", this.#location, cause);
    }
    this.diskReads++;
    if (value === undefined) throw spillFailed("be read", this.#location, new Error(`nothing is at ${space}/${slot}`));
    return value;
  }

  /** @throws STATE_SPILL when an earlier write has failed. */
  put(space: number, slot: number, value: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure;
    const id = space * SPACE + slot;
    this.#waitingBytes += value.length - (this.#waiting.get(id)?.length ?? 0);
    this.#waiting.set(id, value);
    if (this.#waitingBytes >= BATCH_BYTES && this.#written === undefined) this.#write();
  }

  /** Settles when there is room for further writes; undefined: there is. Rejects with STATE_SPILL. */
  get overdue(): Promise<void> | undefined {
    return this.#waitingBytes > WAITING_BYTES_MAX ? this.settled() : undefined;
  }

  /** Settles when everything is on disk. @throws STATE_SPILL */
  async settled(): Promise<void> {
    while (this.#waiting.size > 0 || this.#written !== undefined) {
      if (this.#written === undefined) this.#write();
      await this.#written;
      if (this.#failure !== undefined) throw this.#failure;
    }
  }

  async close(): Promise<void> {
    await this.#written;
    await this.#db.close();
    await rm(this.#location, { recursive: true, force: true });
  }

  #write(): void {
    const batch = this.#db.batch();
    for (const [id, value] of this.#waiting) batch.put(keyOf(id), value);
    this.#writing = this.#waiting;
    this.#waiting = new Map();
    this.#waitingBytes = 0;
    this.#written = batch.write().then(
      () => this.#wrote(undefined),
      (cause) => this.#wrote(spillFailed("be written", this.#location, cause)),
    );
  }

  #wrote(failure: MillraceError | undefined): void {
    this.#written = undefined;
    this.#failure ??= failure;
    // What could not be written stays readable; nothing further is taken.
    if (failure !== undefined) return;
    this.#writing = new Map();
    if (this.#waitingBytes >= BATCH_BYTES) this.#write();
  }
}

function keyOf(id: number): Uint8Array {
  const key = new Uint8Array(8);
  const view = new DataView(key.buffer);
  view.setUint32(0, Math.floor(id / SPACE));
  view.setUint32(4, id % SPACE);
  return key;
}

function spillFailed(what: string, location: string, cause: unknown): MillraceError {
  const answers: string[] = [];
  for (let error = cause; error instanceof Error; error = error.cause) answers.push(error.message);
  return new MillraceError(
    "STATE_SPILL",
    `the folder ${location} of state beyond its memory budget could not ${what}: ${answers.join(": ") || String(cause)}. ` +
      "Make room on its disk, give access, or give the state a larger budget",
    { cause },
  );
}
