/**
 * The different values of many keys, each with marks (`distinct.ts`), held together: a set costs its values and a few numbers,
 * where one by itself costs objects and an array of its own. Values that are no whole numbers of 32 bits are in a Map of their set.
 *
 * A set is a segment of a chunk: open addressing with linear probing, at most two thirds full. When it is, it moves to a segment
 * that is a third or half as long again, so that of a thousand sets that grow none has much room in excess.
 *
 *   heads, four by set    chunk, first cell, cells, how many are in use; no cells: nothing is in it; -1 cells: it is by itself, and
 *                         its number among those in the place of the chunk
 *   segment               a cell of its own (its set, or -1 when it is free; how many cells follow), then the cells
 *   cell                  a value and its marks, side by side, as whoever reads one reads both; no marks: the cell is empty
 *
 * Segments are cut from the last chunk. Of another one, once a third is free, what is left moves there too. A set that would take
 * a good part of a chunk has one of its own. One of which many values lie densely is held by itself (`distinct.ts`), in pages.
 */

import { AssertionFailure } from "../assert.ts";
import { giveBack } from "./dense-pages.ts";
import {
  type Comparable,
  comparable,
  copyOfSeen,
  countSeen,
  eachSeen,
  mark,
  nothingSeen,
  pagedOf,
  type SeenValues,
  touchSeen,
  withPages,
} from "./distinct.ts";

interface Chunk {
  /** Cell i at 2i and 2i + 1. */
  readonly cells: Int32Array;
  /** The first cell that no segment has. */
  end: number;
  /** How many cells in front of it are free. */
  free: number;
}

const HEAD = 4;
const HEADS_MIN = 8;

/** In the place of the number of cells. */
const BY_ITSELF = -1;

const SEGMENT_HEAD = 1;
const FREE = -1;
const CELLS_MIN = 4;

/** Cells of the first chunk, and of those from the fifth on. */
const CHUNK_MIN = 1 << 10;
const CHUNK_MAX = 1 << 14;

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
  /** Sets by themselves, but for what is in `others`, by number. */
  readonly #own: (SeenValues | undefined)[] = [];
  readonly #unusedOwn: number[] = [];
  readonly #others = new Map<number, Map<Comparable, number>>();

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
    if (cells <= 0) return cells === 0 ? 0 : touchSeen(this.#ownOf(at), value);
    const chunk = this.#chunks[heads[at] as number] as Chunk;
    return chunk.cells[2 * ((heads[at + 1] as number) + placeOf(value | 0, cells))] as number;
  }

  /** How many values a set has. */
  count(set: number): number {
    const at = HEAD * set;
    const numbers = this.#heads[at + 2] === BY_ITSELF ? countSeen(this.#ownOf(at)) : (this.#heads[at + 3] ?? 0);
    return numbers + (this.#others.get(set)?.size ?? 0);
  }

  /** Calls `visit` for each value of a set with its marks. */
  each(set: number, visit: (value: Comparable, marks: number) => void): void {
    const count = this.#heads[HEAD * set + 2] ?? 0;
    if (count === BY_ITSELF) eachSeen(this.#ownOf(HEAD * set), visit);
    if (count > 0) {
      const { cells } = this.#chunkOf(set);
      const from = this.#heads[HEAD * set + 1] as number;
      for (let at = 2 * from; at < 2 * (from + count); at += 2)
        if (cells[at + 1] !== 0) visit(cells[at] as number, cells[at + 1] as number);
    }
    for (const [value, its] of this.#others.get(set) ?? []) visit(value, its);
  }

  /** Takes all values out of a set. */
  clear(set: number): void {
    this.#others.delete(set);
    const at = HEAD * set;
    if (at >= this.#heads.length || this.#heads[at + 2] === 0) return;
    const number = this.#heads[at] as number;
    const from = this.#heads[at + 1] as number;
    const isByItself = this.#heads[at + 2] === BY_ITSELF;
    this.#heads.fill(0, at, at + HEAD);
    if (isByItself) {
      this.#own[number] = undefined;
      this.#unusedOwn.push(number);
    } else this.#release(number, from);
  }

  /** The values of a set by themselves, as nobody else has them. */
  seenIn(set: number): SeenValues {
    const at = HEAD * set;
    const others = this.#others.get(set);
    if (this.#heads[at + 2] === BY_ITSELF) return { ...copyOfSeen(this.#ownOf(at)), others: others && new Map(others) };
    const seen = nothingSeen(this.#heads[at + 3]);
    this.each(set, (value, marks) => mark(seen, value, marks));
    return seen;
  }

  /** Puts values into a set that is empty. They stay what they are. */
  put(set: number, seen: SeenValues): void {
    const paged = withPages(seen);
    if (paged.pages === undefined) {
      this.reserve(set, seen.used);
      eachSeen(seen, (value, marks) => this.mark(set, value, marks));
      return;
    }
    const { others, ...numbers } = paged === seen ? copyOfSeen(seen) : paged;
    this.#setOwn(set, { ...numbers, others: undefined });
    if (others !== undefined) this.#others.set(set, new Map(others));
  }

  /** Makes room for so many values in a set that is empty. */
  reserve(set: number, values: number): void {
    if (values === 0) return;
    let cells = CELLS_MIN;
    while (isFull(values, cells)) cells = moreThan(cells);
    this.#allocate(set, cells);
  }

  #ownOf(at: number): SeenValues {
    return this.#own[this.#heads[at] as number] as SeenValues;
  }

  #setOwn(set: number, seen: SeenValues): void {
    const at = this.#headOf(set);
    const number = this.#unusedOwn.pop() ?? this.#own.length;
    this.#own[number] = seen;
    this.#heads[at] = number;
    this.#heads[at + 2] = BY_ITSELF;
  }

  #markInt(set: number, value: number, marks: number): number {
    const at = HEAD * set;
    if (at >= this.#heads.length || (this.#heads[at + 2] as number) <= 0) {
      if (this.#heads[at + 2] === BY_ITSELF) return mark(this.#ownOf(at), value, marks);
      this.#allocate(set, CELLS_MIN);
    }
    const heads = this.#heads;
    const { cells } = this.#chunks[heads[at] as number] as Chunk;
    const from = heads[at + 1] as number;
    const count = heads[at + 2] as number;
    const end = 2 * (from + count);
    let cell = 2 * (from + placeOf(value, count));
    let before = cells[cell + 1] as number;
    while (before !== 0 && cells[cell] !== value) {
      cell += 2;
      if (cell === end) cell = 2 * from;
      before = cells[cell + 1] as number;
    }
    const fresh = marks & ~before;
    if (fresh !== 0) cells[cell + 1] = before | marks;
    if (before !== 0) return fresh;
    cells[cell] = value;
    const used = (heads[at + 3] as number) + 1;
    heads[at + 3] = used;
    if (isFull(used, count)) this.#grow(set);
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

  /** Moves a set's values to more cells, or out of them. */
  #grow(set: number): void {
    const at = HEAD * set;
    const old = this.#heads[at] as number;
    const { cells } = this.#chunks[old] as Chunk;
    const from = this.#heads[at + 1] as number;
    const count = this.#heads[at + 2] as number;
    const used = this.#heads[at + 3] as number;
    const own = pagedOf({ cells, from, to: from + count, used });
    if (own !== undefined) {
      this.#setOwn(set, own);
      this.#release(old, from);
      return;
    }
    this.#allocate(set, moreThan(count));
    this.#heads[at + 3] = used;
    const into = this.#chunkOf(set).cells;
    const first = this.#heads[at + 1] as number;
    const more = this.#heads[at + 2] as number;
    for (let cell = 2 * from; cell < 2 * (from + count); cell += 2) {
      const marks = cells[cell + 1] as number;
      if (marks === 0) continue;
      const value = cells[cell] as number;
      let to = 2 * (first + placeOf(value, more));
      while (into[to + 1] !== 0) {
        to += 2;
        if (to === 2 * (first + more)) to = 2 * first;
      }
      into[to] = value;
      into[to + 1] = marks;
    }
    this.#release(old, from);
  }

  /** Where a set's head is, or will be. */
  #headOf(set: number): number {
    const at = HEAD * set;
    if (at < this.#heads.length) return at;
    const longer = new Int32Array(Math.max(at + HEAD, 2 * this.#heads.length));
    longer.set(this.#heads);
    this.#heads = longer;
    return at;
  }

  /** Gives a set empty cells. What it had is nobody's until it is released. */
  #allocate(set: number, cells: number): void {
    const at = this.#headOf(set);
    const length = cells + SEGMENT_HEAD;
    const number = 8 * length > CHUNK_MAX ? this.#addChunk(length) : this.#chunkFor(length);
    const chunk = this.#chunks[number] as Chunk;
    const first = chunk.end + SEGMENT_HEAD;
    chunk.cells[2 * chunk.end] = set;
    chunk.cells[2 * chunk.end + 1] = cells;
    chunk.end += length;
    this.#heads[at] = number;
    this.#heads[at + 1] = first;
    this.#heads[at + 2] = cells;
    this.#heads[at + 3] = 0;
  }

  #chunkFor(length: number): number {
    const last = this.#chunks[this.#last];
    if (last !== undefined && 2 * (last.end + length) <= last.cells.length) return this.#last;
    const before = this.#last;
    this.#last = this.#addChunk(Math.max(this.#nextChunk, length));
    this.#nextChunk = Math.min(CHUNK_MAX, 2 * this.#nextChunk);
    // What was released of it while it was the last one has not been looked at.
    if (last !== undefined && last.free === last.end) this.#dropChunk(before);
    return this.#last;
  }

  #addChunk(length: number): number {
    const chunk = this.#spareOf(length) ?? { cells: new Int32Array(2 * length), end: 0, free: 0 };
    const number = this.#unused.pop() ?? this.#chunks.length;
    this.#chunks[number] = chunk;
    return number;
  }

  #spareOf(length: number): Chunk | undefined {
    const spare = this.#spare;
    if (length !== CHUNK_MAX || spare === undefined) return undefined;
    this.#spare = undefined;
    spare.cells.fill(0);
    spare.end = 0;
    spare.free = 0;
    return spare;
  }

  #dropChunk(number: number): void {
    const chunk = this.#chunks[number];
    if (chunk?.cells.length === 2 * CHUNK_MAX) this.#spare = chunk;
    else if (chunk !== undefined) giveBack(chunk.cells);
    this.#chunks[number] = undefined;
    this.#unused.push(number);
  }

  /** Nobody has the segment any more whose cells begin there. */
  #release(number: number, first: number): void {
    const chunk = this.#chunks[number] as Chunk;
    const head = 2 * (first - SEGMENT_HEAD);
    chunk.cells[head] = FREE;
    chunk.free += (chunk.cells[head + 1] as number) + SEGMENT_HEAD;
    if (number === this.#last) return;
    if (3 * chunk.free > chunk.end) this.#vacate(number, chunk);
  }

  /** Moves what is left of a chunk to the last one. */
  #vacate(number: number, { cells, end }: Chunk): void {
    for (let at = 0; at < end; ) {
      const set = cells[2 * at] as number;
      const count = cells[2 * at + 1] as number;
      const from = at + SEGMENT_HEAD;
      at = from + count;
      if (set === FREE) continue;
      const used = this.#heads[HEAD * set + 3] as number;
      if (this.#heads[HEAD * set] !== number || this.#heads[HEAD * set + 1] !== from)
        throw new AssertionFailure(`a segment of ${count} cells is not that of its set`);
      this.#allocate(set, count);
      this.#heads[HEAD * set + 3] = used;
      const first = this.#heads[HEAD * set + 1] as number;
      this.#chunkOf(set).cells.set(cells.subarray(2 * from, 2 * at), 2 * first);
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
