/**
 * The different values of many keys, each with marks (`distinct.ts`), held together: a set costs its values and a few numbers,
 * where one by itself costs objects and an array of its own. Values that are no whole numbers of 32 bits are in a Map of their set.
 *
 * A set is a segment of a chunk: open addressing with linear probing, at most two thirds full. When it is, it moves to a segment
 * that is a third or half as long again, so that of a thousand sets that grow none has much room in excess.
 *
 *   heads, four by set    chunk, first cell, cells, how many are in use; no cells: nothing is in it
 *   segment               two cells (its set, or -1 when it is free; how many cells follow), then the cells
 *   cell                  a value, and its marks in an array beside; no marks: the cell is empty
 *
 * Segments are cut from the last chunk. Of another one, once a third is free, what is left moves there too. A set that would take
 * a good part of a chunk has one of its own.
 */

import { AssertionFailure } from "../assert.ts";
import { type Comparable, comparable } from "./distinct.ts";

type Marks = Uint8Array | Uint16Array | Uint32Array;

interface Chunk {
  readonly values: Int32Array;
  readonly marks: Marks;
  /** The first cell that no segment has. */
  end: number;
  /** How many cells in front of it are free. */
  free: number;
}

const HEAD = 4;
const HEADS_MIN = 8;

const SEGMENT_HEAD = 2;
const FREE = -1;
const CELLS_MIN = 4;

/** Cells of the first chunk, and of those from the sixth on. */
const CHUNK_MIN = 1 << 10;
const CHUNK_MAX = 1 << 15;

/** Sixteen bits of the hash choose among fewer cells, whatever their number; so many and more are a power of two. */
const SIXTEEN_BITS = 1 << 16;

export class DistinctSets {
  #heads = new Int32Array(HEAD * HEADS_MIN);
  readonly #chunks: (Chunk | undefined)[] = [];
  /** Numbers of chunks that are gone. */
  readonly #unused: number[] = [];
  /** The chunk from which segments are cut; -1: there is none. */
  #last = -1;
  #nextChunk = CHUNK_MIN;
  /** An empty one of full length: what is vacated is mostly followed by a new one. */
  #spare: Chunk | undefined;
  readonly #others = new Map<number, Map<Comparable, number>>();
  readonly #newMarks: (length: number) => Marks;

  /** @param marks how many there are of each value, at most 32. */
  constructor(marks: number) {
    this.#newMarks = (length) =>
      marks <= 8 ? new Uint8Array(length) : marks <= 16 ? new Uint16Array(length) : new Uint32Array(length);
  }

  /** Adds marks to a value of a set, and returns those that it did not have. REQUIRES: a mark. */
  mark(set: number, value: unknown, marks: number): number {
    if (typeof value === "number" && (value | 0) === value) return this.#markInt(set, value | 0, marks);
    return this.#markOther(set, comparable(value), marks);
  }

  /** Reads where `mark` would look for the value first. */
  touch(set: number, value: unknown): number {
    const heads = this.#heads;
    const at = HEAD * set;
    if (typeof value !== "number" || at >= heads.length) return 0;
    const cells = heads[at + 2] as number;
    if (cells === 0) return 0;
    const { values } = this.#chunks[heads[at] as number] as Chunk;
    return values[(heads[at + 1] as number) + placeOf(value | 0, cells)] as number;
  }

  /** How many values a set has. */
  count(set: number): number {
    return (this.#heads[HEAD * set + 3] ?? 0) + (this.#others.get(set)?.size ?? 0);
  }

  /** Calls `visit` for each value of a set with its marks. */
  each(set: number, visit: (value: Comparable, marks: number) => void): void {
    const cells = this.#heads[HEAD * set + 2] ?? 0;
    if (cells > 0) {
      const { values, marks } = this.#chunkOf(set);
      const from = this.#heads[HEAD * set + 1] as number;
      for (let cell = from; cell < from + cells; cell++)
        if (marks[cell] !== 0) visit(values[cell] as number, (marks[cell] as number) | 0);
    }
    for (const [value, its] of this.#others.get(set) ?? []) visit(value, its);
  }

  /** Takes all values out of a set. */
  clear(set: number): void {
    this.#others.delete(set);
    const at = HEAD * set;
    if (at >= this.#heads.length || this.#heads[at + 2] === 0) return;
    const chunk = this.#heads[at] as number;
    const from = this.#heads[at + 1] as number;
    this.#heads.fill(0, at, at + HEAD);
    this.#release(chunk, from);
  }

  /** Makes room for so many values in a set that is empty. */
  reserve(set: number, values: number): void {
    if (values === 0) return;
    let cells = CELLS_MIN;
    while (isFull(values, cells)) cells = moreThan(cells);
    this.#allocate(set, cells);
  }

  #markInt(set: number, value: number, marks: number): number {
    const at = HEAD * set;
    if (at >= this.#heads.length || this.#heads[at + 2] === 0) this.#allocate(set, CELLS_MIN);
    const heads = this.#heads;
    const { values, marks: kept } = this.#chunks[heads[at] as number] as Chunk;
    const from = heads[at + 1] as number;
    const cells = heads[at + 2] as number;
    const end = from + cells;
    let cell = from + placeOf(value, cells);
    let before = kept[cell] as number;
    while (before !== 0 && values[cell] !== value) {
      if (++cell === end) cell = from;
      before = kept[cell] as number;
    }
    const fresh = marks & ~before;
    if (fresh !== 0) kept[cell] = before | marks;
    if (before !== 0) return fresh;
    values[cell] = value;
    const used = (heads[at + 3] as number) + 1;
    heads[at + 3] = used;
    if (isFull(used, cells)) this.#grow(set);
    return marks;
  }

  #markOther(set: number, value: Comparable, marks: number): number {
    let others = this.#others.get(set);
    if (others === undefined) {
      others = new Map();
      this.#others.set(set, others);
    }
    const before = others.get(value) ?? 0;
    if ((before & marks) !== marks) others.set(value, before | marks);
    return marks & ~before;
  }

  #chunkOf(set: number): Chunk {
    return this.#chunks[this.#heads[HEAD * set] as number] as Chunk;
  }

  /** Moves a set's values to more cells. */
  #grow(set: number): void {
    const at = HEAD * set;
    const old = this.#heads[at] as number;
    const { values, marks } = this.#chunks[old] as Chunk;
    const from = this.#heads[at + 1] as number;
    const cells = this.#heads[at + 2] as number;
    const used = this.#heads[at + 3] as number;
    this.#allocate(set, moreThan(cells));
    this.#heads[at + 3] = used;
    const into = this.#chunkOf(set);
    const first = this.#heads[at + 1] as number;
    const more = this.#heads[at + 2] as number;
    for (let cell = from; cell < from + cells; cell++) {
      const its = marks[cell] as number;
      if (its === 0) continue;
      const value = values[cell] as number;
      let to = first + placeOf(value, more);
      while (into.marks[to] !== 0) if (++to === first + more) to = first;
      into.values[to] = value;
      into.marks[to] = its;
    }
    this.#release(old, from);
  }

  /** Gives a set empty cells. What it had is nobody's until it is released. */
  #allocate(set: number, cells: number): void {
    const at = HEAD * set;
    if (at >= this.#heads.length) {
      const longer = new Int32Array(Math.max(at + HEAD, 2 * this.#heads.length));
      longer.set(this.#heads);
      this.#heads = longer;
    }
    const length = cells + SEGMENT_HEAD;
    const number = 8 * length > CHUNK_MAX ? this.#addChunk(length) : this.#chunkFor(length);
    const chunk = this.#chunks[number] as Chunk;
    const first = chunk.end + SEGMENT_HEAD;
    chunk.values[chunk.end] = set;
    chunk.values[chunk.end + 1] = cells;
    chunk.end += length;
    this.#heads[at] = number;
    this.#heads[at + 1] = first;
    this.#heads[at + 2] = cells;
    this.#heads[at + 3] = 0;
  }

  #chunkFor(length: number): number {
    const last = this.#chunks[this.#last];
    if (last !== undefined && last.end + length <= last.values.length) return this.#last;
    const before = this.#last;
    this.#last = this.#addChunk(Math.max(this.#nextChunk, length));
    this.#nextChunk = Math.min(CHUNK_MAX, 2 * this.#nextChunk);
    // What was released of it while it was the last one has not been looked at.
    if (last !== undefined && last.free === last.end) this.#dropChunk(before);
    return this.#last;
  }

  #addChunk(length: number): number {
    const chunk = this.#spareOf(length) ?? {
      values: new Int32Array(length),
      marks: this.#newMarks(length),
      end: 0,
      free: 0,
    };
    const number = this.#unused.pop() ?? this.#chunks.length;
    this.#chunks[number] = chunk;
    return number;
  }

  #spareOf(length: number): Chunk | undefined {
    const spare = this.#spare;
    if (length !== CHUNK_MAX || spare === undefined) return undefined;
    this.#spare = undefined;
    spare.marks.fill(0);
    spare.end = 0;
    spare.free = 0;
    return spare;
  }

  #dropChunk(number: number): void {
    const chunk = this.#chunks[number];
    if (chunk?.values.length === CHUNK_MAX) this.#spare = chunk;
    this.#chunks[number] = undefined;
    this.#unused.push(number);
  }

  /** Nobody has the segment any more whose cells begin there. */
  #release(number: number, first: number): void {
    const chunk = this.#chunks[number] as Chunk;
    chunk.values[first - SEGMENT_HEAD] = FREE;
    chunk.free += (chunk.values[first - 1] as number) + SEGMENT_HEAD;
    if (number === this.#last) return;
    if (3 * chunk.free > chunk.end) this.#vacate(number, chunk);
  }

  /** Moves what is left of a chunk to the last one. */
  #vacate(number: number, { values, marks, end }: Chunk): void {
    for (let at = 0; at < end; ) {
      const set = values[at] as number;
      const cells = values[at + 1] as number;
      const from = at + SEGMENT_HEAD;
      at = from + cells;
      if (set === FREE) continue;
      const used = this.#heads[HEAD * set + 3] as number;
      if (this.#heads[HEAD * set] !== number || this.#heads[HEAD * set + 1] !== from)
        throw new AssertionFailure(`a segment of ${cells} cells is not that of its set`);
      this.#allocate(set, cells);
      this.#heads[HEAD * set + 3] = used;
      const into = this.#chunkOf(set);
      const first = this.#heads[HEAD * set + 1] as number;
      for (let cell = 0; cell < cells; cell++) {
        into.values[first + cell] = values[from + cell] as number;
        into.marks[first + cell] = marks[from + cell] as number;
      }
    }
    this.#dropChunk(number);
  }
}

function isFull(used: number, cells: number): boolean {
  return 3 * used > 2 * cells;
}

/** Powers of two, and, of few, those half as large again between them. */
function moreThan(cells: number): number {
  if ((cells & (cells - 1)) !== 0) return (cells / 3) * 4;
  return cells < SIXTEEN_BITS ? cells + (cells >> 1) : 2 * cells;
}

/** One of so many cells, by the upper bits of a hash. */
function placeOf(value: number, cells: number): number {
  const hash = Math.imul(value ^ (value >>> 16), 0x9e3779b1);
  if (cells < SIXTEEN_BITS) return Math.imul(hash >>> 16, cells) >>> 16;
  return (hash ^ (hash >>> 15)) & (cells - 1);
}
