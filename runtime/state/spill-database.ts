/**
 * The disk behind state that exceeds its memory budget: the files of one slot, read synchronously. They are scratch, removed
 * when they are opened and closed: what has to survive is in checkpoints.
 *
 * A log: values are put behind each other into buffers, which are written to files in the background; where each value
 * is, is in memory. So a read is one read of a file, without a search, and a write is a copy. (LevelDB did this before: a
 * read of an evenly drawn key cost six times as much, for a search that is not needed where every key is in memory.)
 *
 *   <folder>/<segment>.log   records: u32 space, u32 slot, u32 length, the value
 *
 * A segment in which less than half is still of use is read once more, and what is of use is put behind the rest.
 *
 * Until a buffer is written, reads find its values in it. When the disk does not keep up, `overdue` is what a host has to
 * wait for at the next end of a batch of records.
 */

import { readSync } from "node:fs";
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";

/** What is written at once: large enough that a write's overhead disappears in it. */
const BUFFER_BYTES = 1024 * 1024;

/** Of a file: so few that one a gigabyte of state stays open for each 32 MB, so many that little is moved at once. */
const SEGMENT_BYTES = 32 * 1024 * 1024;

/** How much may wait to be written before processing has to. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;

/** Below that nothing is moved together: what is gained is not worth it. */
const WASTE_BYTES_MIN = 2 * SEGMENT_BYTES;

const RECORD_HEAD_BYTES = 12;
const PLACES_MIN = 64;
const NOWHERE = -1;

/** @throws STATE_SPILL */
export async function openSpillDatabase(location: string): Promise<SpillDatabase> {
  try {
    await rm(location, { recursive: true, force: true });
    await mkdir(location, { recursive: true, mode: 0o700 });
    return new SpillDatabase(location);
  } catch (cause) {
    throw spillFailed("be opened", location, cause);
  }
}

/** Values of one space: where each is, and how long it is. */
class Places {
  at = new Float64Array(PLACES_MIN).fill(NOWHERE);
  lengths = new Uint32Array(PLACES_MIN);

  reserve(slot: number): void {
    if (slot < this.at.length) return;
    const capacity = Math.max(2 * this.at.length, slot + 1);
    const at = new Float64Array(capacity).fill(NOWHERE);
    at.set(this.at);
    this.at = at;
    const lengths = new Uint32Array(capacity);
    lengths.set(this.lengths);
    this.lengths = lengths;
  }
}

/** What is written at once, or will be: values behind each other. */
interface LogBuffer {
  readonly segment: Segment;
  /** In the segment. */
  readonly from: number;
  readonly bytes: Buffer;
  used: number;
}

interface Segment {
  readonly number: number;
  /** Of its records. */
  bytes: number;
  /** Of those that are of use. */
  live: number;
  handle: FileHandle | undefined;
  /** Those that are not in its file yet. */
  readonly buffers: Set<LogBuffer>;
}

/** A place is its segment's number times this, and where the value begins in it. */
const SEGMENT_SPAN = 2 ** 32;

export class SpillDatabase {
  readonly #location: string;
  readonly #spaces = new Map<number, Places>();
  readonly #segments = new Map<number, Segment>();
  readonly #sealed: LogBuffer[] = [];
  #scratch = Buffer.allocUnsafeSlow(64 * 1024);
  #nextSpace = 0;
  #nextSegment = 0;
  #buffer: LogBuffer | undefined;
  /** What the last buffer has left. */
  #rest: Buffer = Buffer.alloc(0);
  /** The segment that is being filled. */
  #last: Segment | undefined;
  #sealedBytes = 0;
  #bytes = 0;
  #live = 0;
  #work: Promise<void> | undefined;
  #failure: MillraceError | undefined;
  #closed = false;
  /** How many values were read from disk, not from what is still to be written. */
  diskReads = 0;

  constructor(location: string) {
    this.#location = location;
  }

  /** Of its files. */
  get diskBytes(): number {
    return this.#bytes;
  }

  /** A range of places that nothing else uses. */
  newSpace(): number {
    return this.#nextSpace++;
  }

  /** What was put at a place last, until the next call. REQUIRES: something was. @throws STATE_SPILL */
  get(space: number, slot: number): Uint8Array {
    const places = this.#spaces.get(space);
    const at = places?.at[slot] ?? NOWHERE;
    if (places === undefined || at === NOWHERE)
      throw spillFailed("be read", this.#location, new Error(`nothing is at ${space}/${slot}`));
    const segment = this.#segments.get(Math.floor(at / SEGMENT_SPAN)) as Segment;
    const from = at % SEGMENT_SPAN;
    const length = places.lengths[slot] as number;
    for (const { from: start, bytes, used } of segment.buffers)
      if (from >= start && from < start + used) return bytes.subarray(from - start, from - start + length);
    return this.#read(segment, from, length);
  }

  /** @throws STATE_SPILL when an earlier write has failed. */
  put(space: number, slot: number, value: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure;
    let places = this.#spaces.get(space);
    if (places === undefined) {
      places = new Places();
      this.#spaces.set(space, places);
    }
    places.reserve(slot);
    this.#forget(places, slot);
    this.#append(places, space, slot, value);
  }

  /** What is at a place is of no use any more. */
  forget(space: number, slot: number): void {
    const places = this.#spaces.get(space);
    if (places !== undefined && slot < places.at.length) this.#forget(places, slot);
  }

  /** Nothing of a space is of use any more. */
  forgetAll(space: number): void {
    const places = this.#spaces.get(space);
    if (places === undefined) return;
    for (let slot = 0; slot < places.at.length; slot++) this.#forget(places, slot);
    this.#spaces.delete(space);
  }

  /** Settles when there is room for further writes; undefined: there is. Rejects with STATE_SPILL. */
  get overdue(): Promise<void> | undefined {
    return this.#sealedBytes > WAITING_BYTES_MAX ? this.settled() : undefined;
  }

  /** Settles when everything is on disk. @throws STATE_SPILL */
  async settled(): Promise<void> {
    this.#seal();
    while (this.#work !== undefined) await this.#work;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async close(): Promise<void> {
    this.#closed = true;
    while (this.#work !== undefined) await this.#work;
    for (const { handle } of this.#segments.values()) await handle?.close();
    await rm(this.#location, { recursive: true, force: true });
  }

  #read({ handle }: Segment, from: number, length: number): Uint8Array {
    if (length > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(2 * length);
    let read = 0;
    try {
      // Whatever is in no buffer is in the file.
      read = readSync((handle as FileHandle).fd, this.#scratch, 0, length, from);
    } catch (cause) {
      throw spillFailed("be read", this.#location, cause);
    }
    this.diskReads++;
    if (read === length) return this.#scratch.subarray(0, length);
    throw spillFailed("be read", this.#location, new Error(`${read} of ${length} bytes are there`));
  }

  #forget(places: Places, slot: number): void {
    const at = places.at[slot] as number;
    if (at === NOWHERE) return;
    const bytes = RECORD_HEAD_BYTES + (places.lengths[slot] as number);
    (this.#segments.get(Math.floor(at / SEGMENT_SPAN)) as Segment).live -= bytes;
    this.#live -= bytes;
    places.at[slot] = NOWHERE;
  }

  #append(places: Places, space: number, slot: number, value: Uint8Array): void {
    const bytes = RECORD_HEAD_BYTES + value.length;
    const buffer = this.#bufferFor(bytes);
    const { segment, from } = buffer;
    buffer.bytes.writeUInt32LE(space, buffer.used);
    buffer.bytes.writeUInt32LE(slot, buffer.used + 4);
    buffer.bytes.writeUInt32LE(value.length, buffer.used + 8);
    buffer.bytes.set(value, buffer.used + RECORD_HEAD_BYTES);
    places.at[slot] = segment.number * SEGMENT_SPAN + from + buffer.used + RECORD_HEAD_BYTES;
    places.lengths[slot] = value.length;
    buffer.used += bytes;
    segment.bytes += bytes;
    segment.live += bytes;
    this.#bytes += bytes;
    this.#live += bytes;
  }

  #bufferFor(bytes: number): LogBuffer {
    const current = this.#buffer;
    if (current !== undefined && current.used + bytes <= current.bytes.length) return current;
    this.#seal();
    const last = this.#last;
    const segment = last !== undefined && last.bytes + bytes <= SEGMENT_BYTES ? last : this.#newSegment();
    const memory = this.#rest.length >= bytes ? this.#rest : Buffer.allocUnsafeSlow(Math.max(BUFFER_BYTES, bytes));
    const buffer = { segment, from: segment.bytes, bytes: memory, used: 0 };
    segment.buffers.add(buffer);
    this.#buffer = buffer;
    return buffer;
  }

  #newSegment(): Segment {
    const number = this.#nextSegment++;
    const segment: Segment = { number, bytes: 0, live: 0, handle: undefined, buffers: new Set() };
    this.#segments.set(number, segment);
    this.#last = segment;
    return segment;
  }

  /** The buffer is full, or is to be written now. */
  #seal(): void {
    const buffer = this.#buffer;
    this.#buffer = undefined;
    if (buffer === undefined) return;
    this.#rest = buffer.bytes.subarray(buffer.used);
    this.#sealed.push(buffer);
    this.#sealedBytes += buffer.used;
    this.#workOn();
  }

  #workOn(): void {
    this.#work ??= this.#workThrough().finally(() => {
      this.#work = undefined;
      // What was sealed when it was about to end.
      if (this.#sealed.length > 0 && this.#failure === undefined) this.#workOn();
    });
  }

  async #workThrough(): Promise<void> {
    try {
      await this.#writeSealed();
      for (let wasted = this.#wasted(); wasted !== undefined && !this.#closed; wasted = this.#wasted())
        await this.#move(wasted);
    } catch (cause) {
      // What could not be written stays readable; nothing further is taken.
      this.#failure = spillFailed("be written", this.#location, cause);
    }
  }

  async #writeSealed(): Promise<void> {
    for (let buffer = this.#sealed[0]; buffer !== undefined; buffer = this.#sealed[0]) {
      const { segment, bytes, used, from } = buffer;
      segment.handle ??= await open(join(this.#location, `${segment.number}.log`), "wx+", 0o600);
      for (let done = 0; done < used; ) {
        const { bytesWritten } = await segment.handle.write(bytes, done, used - done, from + done);
        done += bytesWritten;
      }
      segment.buffers.delete(buffer);
      this.#sealed.shift();
      this.#sealedBytes -= used;
    }
  }

  /** The segment with the least that is of use, if there is too much that is of none. */
  #wasted(): Segment | undefined {
    const waste = this.#bytes - this.#live;
    if (waste <= Math.max(WASTE_BYTES_MIN, this.#live)) return undefined;
    const whole = [...this.#segments.values()].filter(
      (segment) => segment !== this.#last && segment.buffers.size === 0 && segment.handle !== undefined,
    );
    return whole.toSorted((a, b) => b.bytes - b.live - (a.bytes - a.live))[0];
  }

  /** Puts what is of use behind the rest, and deletes the segment. */
  async #move(segment: Segment): Promise<void> {
    const handle = segment.handle as FileHandle;
    let chunk = Buffer.allocUnsafeSlow(BUFFER_BYTES);
    for (let at = 0; at < segment.bytes && segment.live > 0; ) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
      const taken = this.#takeLive(segment, chunk.subarray(0, bytesRead), at);
      // A record that is larger than the chunk wants a larger one.
      if (taken === 0) chunk = Buffer.allocUnsafeSlow(2 * chunk.length);
      at += taken;
      await this.#writeSealed();
    }
    this.#segments.delete(segment.number);
    this.#bytes -= segment.bytes;
    await handle.close();
    await rm(join(this.#location, `${segment.number}.log`), { force: true });
  }

  /** @returns how many bytes of whole records there were. */
  #takeLive(segment: Segment, chunk: Buffer, from: number): number {
    let at = 0;
    while (at + RECORD_HEAD_BYTES <= chunk.length) {
      const length = chunk.readUInt32LE(at + 8);
      const end = at + RECORD_HEAD_BYTES + length;
      if (end > chunk.length) break;
      const space = chunk.readUInt32LE(at);
      const slot = chunk.readUInt32LE(at + 4);
      const places = this.#spaces.get(space);
      const place = segment.number * SEGMENT_SPAN + from + at + RECORD_HEAD_BYTES;
      if (places?.at[slot] === place) {
        this.#forget(places, slot);
        this.#append(places, space, slot, chunk.subarray(at + RECORD_HEAD_BYTES, end));
      }
      at = end;
    }
    return at;
  }
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
