/**
 * Rows that state keeps for long and reads seldom, packed: chunks of columns (`packed-column.ts`) in the place of an object a
 * row, which costs several times the memory, and the garbage collector's time besides. A row has a number, its handle, until
 * it is freed; each read makes it anew.
 *
 *   open      newest rows, as they came; freed ones are gone at once
 *   │ it has had as many as a chunk may have
 *   ▼
 *   full      the same: rows that stay but for a moment are not to be packed
 *   │ the next one has had half as many
 *   ▼
 *   packed ── more than half of its rows have been freed ──► packed anew without them
 *   │ all have
 *   ▼
 *   its number is given to another chunk
 *
 * So half of what is held is in use at least, however rows go; packing anew copies columns and makes no rows. Each row may have a
 * link: a number, which stands beside the columns and may be changed.
 */

import { assert } from "../../core/assert.ts";
import { type PackedColumn, packColumn } from "./packed-column.ts";
import { TextDictionaries } from "./text-dictionary.ts";

const ID_BITS = 11;
/** So many rows cost little each for what a chunk has once, and of those that stay but for a moment hardly one is ever packed. */
const CHUNK_ROWS = 1 << ID_BITS;
const ID_MASK = CHUNK_ROWS - 1;
/** Handles are small integers. */
const CHUNKS_MAX = 2 ** (30 - ID_BITS);

/** Lists count by their elements, so that packing them takes no longer than packing rows. */
const CHUNK_ELEMENTS = 16 * CHUNK_ROWS;

/** When the chunk behind it has had so many rows, a full one is packed. */
const PACKED_BEHIND = CHUNK_ROWS / 2;

/** A chunk is packed anew when fewer than one of so many rows are left. */
const LEFT_OF = 2;

class PackedChunk {
  /** Of the rows that are packed, or 1, 2, … where undefined. Ascending. */
  #ids: Uint16Array | undefined;
  #column: PackedColumn;
  #links: Int32Array;
  /** By place, 1: it is freed. */
  #freed: Uint8Array | undefined;
  /** Of rows that are packed; so many of them are not freed. */
  size: number;
  live: number;

  constructor(rows: readonly unknown[], ids: Uint16Array | undefined, links: Int32Array, texts: TextDictionaries) {
    this.#ids = ids;
    this.#column = packColumn(rows, texts);
    this.#links = links;
    this.size = rows.length;
    this.live = rows.length;
  }

  at(id: number): unknown {
    return this.#column.at(this.#placeOf(id));
  }

  linkOf(id: number): number {
    return this.#links[this.#placeOf(id)] as number;
  }

  free(id: number): void {
    const place = this.#placeOf(id);
    this.#freed ??= new Uint8Array(this.size);
    assert(this.#freed[place] === 0, "a row was freed twice");
    this.#freed[place] = 1;
    this.live--;
    if (this.live > 0 && LEFT_OF * this.live < this.size) this.#packAnew(this.#freed);
  }

  #packAnew(freed: Uint8Array): void {
    const places = new Uint16Array(this.live);
    const ids = new Uint16Array(this.live);
    const links = new Int32Array(this.#links.length === 0 ? 0 : this.live);
    let row = 0;
    for (let place = 0; place < this.size; place++) {
      if (freed[place] === 1) continue;
      places[row] = place;
      ids[row] = this.#ids === undefined ? place : (this.#ids[place] as number);
      if (links.length > 0) links[row] = this.#links[place] as number;
      row++;
    }
    this.#column = this.#column.only(places);
    this.#ids = ids;
    this.#links = links;
    this.#freed = undefined;
    this.size = row;
  }

  #placeOf(id: number): number {
    const ids = this.#ids;
    if (ids === undefined) return id;
    let from = 0;
    for (let to = ids.length - 1; from < to; ) {
      const middle = (from + to) >> 1;
      if ((ids[middle] as number) < id) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

/** What stands for a row that was freed. */
const FREED = Symbol("freed");

/** Lists of ten rows are ten rows. */
export function elementsOf(row: unknown): number {
  return Array.isArray(row) ? row.length : 1;
}

/** Rows as they came. */
class OpenChunk {
  readonly number: number;
  /** Of this chunk alone: among old objects each reference to a young one would have to be noted. */
  readonly #rows: unknown[] = [];
  readonly #links: Int32Array | undefined;
  live = 0;
  #elements = 0;

  constructor(number: number, linked: boolean) {
    this.number = number;
    this.#links = linked ? new Int32Array(CHUNK_ROWS) : undefined;
  }

  /** How many rows it has had. */
  get came(): number {
    return this.#rows.length;
  }

  get isFull(): boolean {
    return this.#rows.length === CHUNK_ROWS || this.#elements >= CHUNK_ELEMENTS;
  }

  /** REQUIRES: it is not full. @returns the row's id. */
  add(row: unknown, link: number): number {
    const id = this.#rows.push(row) - 1;
    if (this.#links !== undefined) this.#links[id] = link;
    this.live++;
    this.#elements += elementsOf(row);
    return id;
  }

  at(id: number): unknown {
    return this.#rows[id];
  }

  linkOf(id: number): number {
    return this.#links?.[id] as number;
  }

  free(id: number): void {
    assert(this.#rows[id] !== FREED, "a row was freed twice");
    this.#elements -= elementsOf(this.#rows[id]);
    this.#rows[id] = FREED;
    this.live--;
  }

  /** REQUIRES: there is a row that was not freed. */
  packed(texts: TextDictionaries): PackedChunk {
    const links = this.#links?.subarray(0, this.came) ?? NO_LINKS;
    if (this.live === this.came) return new PackedChunk(this.#rows, undefined, links.slice(), texts);
    const kept: unknown[] = new Array(this.live);
    const ids = new Uint16Array(this.live);
    const keptLinks = new Int32Array(links.length === 0 ? 0 : this.live);
    let place = 0;
    for (let id = 0; id < this.came; id++) {
      if (this.#rows[id] === FREED) continue;
      kept[place] = this.#rows[id];
      ids[place] = id;
      if (links.length > 0) keptLinks[place] = links[id] as number;
      place++;
    }
    return new PackedChunk(kept, ids, keptLinks, texts);
  }
}

const NO_LINKS = new Int32Array(0);

export class PackedRows {
  readonly #linked: boolean;
  readonly #chunks: (PackedChunk | OpenChunk | undefined)[] = [];
  readonly #texts = new TextDictionaries();
  /** Numbers of chunks that are gone. */
  readonly #spare: number[] = [];
  #open: OpenChunk;
  #full: OpenChunk | undefined;
  /** Rows that are kept. */
  size = 0;
  /** Rows that were packed, ever. */
  packed = 0;

  /** @param linked whether rows have links. */
  constructor(linked: boolean) {
    this.#linked = linked;
    this.#open = this.#newOpen();
  }

  /** How many chunks there are, and may have been at once. */
  get chunks(): { readonly used: number; readonly most: number } {
    return { used: this.#chunks.length - this.#spare.length, most: this.#chunks.length };
  }

  /** For how many rows there are columns, freed ones among them. */
  get packedPlaces(): number {
    return this.#chunks.reduce((sum, chunk) => sum + (chunk instanceof PackedChunk ? chunk.size : 0), 0);
  }

  /** Keeps a row, which must not be changed any more. @returns its handle. */
  add(row: unknown, link = 0): number {
    const open = this.#open;
    const handle = (open.number << ID_BITS) | open.add(row, link);
    this.size++;
    if (open.came === PACKED_BEHIND) this.#packFull();
    if (open.isFull) this.#close();
    return handle;
  }

  /** Whether the row is read from columns. */
  isPacked(handle: number): boolean {
    return this.#chunks[handle >>> ID_BITS] instanceof PackedChunk;
  }

  /** The row, which may be another object each time. REQUIRES: it is not freed. */
  at(handle: number): unknown {
    return this.#chunkOf(handle).at(handle & ID_MASK);
  }

  /** REQUIRES: rows have links, and it is not freed. */
  linkOf(handle: number): number {
    return this.#chunkOf(handle).linkOf(handle & ID_MASK);
  }

  /** The row's memory may be used for others. REQUIRES: it is not freed. */
  free(handle: number): void {
    this.size--;
    const chunk = this.#chunkOf(handle);
    chunk.free(handle & ID_MASK);
    if (chunk.live === 0 && chunk instanceof PackedChunk) this.#release(handle >>> ID_BITS);
  }

  #chunkOf(handle: number): PackedChunk | OpenChunk {
    return this.#chunks[handle >>> ID_BITS] as PackedChunk | OpenChunk;
  }

  #close(): void {
    this.#packFull();
    this.#full = this.#open;
    this.#open = this.#newOpen();
  }

  #packFull(): void {
    const full = this.#full;
    if (full === undefined) return;
    this.#full = undefined;
    this.packed += full.live;
    if (full.live === 0) this.#release(full.number);
    else this.#chunks[full.number] = full.packed(this.#texts);
  }

  #newOpen(): OpenChunk {
    const number = this.#spare.pop() ?? this.#chunks.push(undefined) - 1;
    assert(number < CHUNKS_MAX, `a state of one subtask has more than ${CHUNKS_MAX * CHUNK_ROWS} rows`);
    const open = new OpenChunk(number, this.#linked);
    this.#chunks[number] = open;
    return open;
  }

  #release(number: number): void {
    this.#chunks[number] = undefined;
    this.#spare.push(number);
  }
}
