/**
 * Rows that state keeps for long and reads seldom, packed: chunks of columns (`packed-column.ts`) in the place of an object a
 * row, which costs several times the memory, and the garbage collector's time besides. A row has a number, its handle, until
 * it is freed; each read makes it anew.
 *
 *   open      newest rows, as they came; freed ones are gone at once
 *   │ it is full
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

const ID_BITS = 9;
/** So many rows cost little each for what a chunk has once; and a text that is read keeps in memory those of so many. */
const CHUNK_ROWS = 1 << ID_BITS;
const ID_MASK = CHUNK_ROWS - 1;
/** Handles are small integers. */
const CHUNKS_MAX = 2 ** (30 - ID_BITS);

/** A chunk is packed anew when fewer than one of so many rows are left. */
const LEFT_OF = 2;

class Chunk {
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

/** What stands for a row in the open chunk that was freed. */
const FREED = Symbol("freed");

export class PackedRows {
  readonly #linked: boolean;
  readonly #chunks: (Chunk | undefined)[] = [undefined];
  readonly #texts = new TextDictionaries();
  /** Numbers of chunks that are gone. */
  readonly #spare: number[] = [];
  #number = 0;
  /** Made anew for each chunk: among old objects each reference to a young one would have to be noted. */
  #open: unknown[] = [];
  #openLinks: Int32Array;
  #openLive = 0;
  /** Rows that are kept. */
  size = 0;

  /** @param linked whether rows have links. */
  constructor(linked: boolean) {
    this.#linked = linked;
    this.#openLinks = this.#newLinks();
  }

  /** How many chunks there are, and may have been at once. */
  get chunks(): { readonly used: number; readonly most: number } {
    return { used: this.#chunks.length - this.#spare.length, most: this.#chunks.length };
  }

  /** For how many rows there are columns, freed ones among them. */
  get packedPlaces(): number {
    return this.#chunks.reduce((sum, chunk) => sum + (chunk?.size ?? 0), 0);
  }

  /** Keeps a row, which must not be changed any more. @returns its handle. */
  add(row: unknown, link = 0): number {
    const id = this.#open.length;
    this.#open.push(row);
    if (this.#linked) this.#openLinks[id] = link;
    const handle = (this.#number << ID_BITS) | id;
    this.#openLive++;
    this.size++;
    if (id === ID_MASK) this.#seal();
    return handle;
  }

  /** The row, which may be another object each time. REQUIRES: it is not freed. */
  at(handle: number): unknown {
    const number = handle >>> ID_BITS;
    if (number === this.#number) return this.#open[handle & ID_MASK];
    return (this.#chunks[number] as Chunk).at(handle & ID_MASK);
  }

  /** REQUIRES: rows have links, and it is not freed. */
  linkOf(handle: number): number {
    const number = handle >>> ID_BITS;
    if (number === this.#number) return this.#openLinks[handle & ID_MASK] as number;
    return (this.#chunks[number] as Chunk).linkOf(handle & ID_MASK);
  }

  /** The row's memory may be used for others. REQUIRES: it is not freed. */
  free(handle: number): void {
    const number = handle >>> ID_BITS;
    this.size--;
    if (number === this.#number) {
      this.#open[handle & ID_MASK] = FREED;
      this.#openLive--;
      return;
    }
    const chunk = this.#chunks[number] as Chunk;
    chunk.free(handle & ID_MASK);
    if (chunk.live === 0) this.#release(number);
  }

  #seal(): void {
    const sealed = this.#number;
    const rows = this.#open;
    if (this.#openLive === rows.length) this.#chunks[sealed] = new Chunk(rows, undefined, this.#openLinks, this.#texts);
    else if (this.#openLive > 0) this.#chunks[sealed] = this.#withoutFreed(rows);
    else this.#release(sealed);
    this.#number = this.#spare.pop() ?? this.#chunks.push(undefined) - 1;
    assert(this.#number < CHUNKS_MAX, `a state of one subtask has more than ${CHUNKS_MAX * CHUNK_ROWS} rows`);
    this.#open = [];
    this.#openLinks = this.#newLinks();
    this.#openLive = 0;
  }

  #withoutFreed(rows: readonly unknown[]): Chunk {
    const places = rows.flatMap((row, place) => (row === FREED ? [] : [place]));
    const links = this.#linked ? Int32Array.from(places, (place) => this.#openLinks[place] as number) : this.#openLinks;
    const kept = places.map((place) => rows[place]);
    return new Chunk(kept, Uint16Array.from(places), links, this.#texts);
  }

  #release(number: number): void {
    this.#chunks[number] = undefined;
    this.#spare.push(number);
  }

  #newLinks(): Int32Array {
    return new Int32Array(this.#linked ? CHUNK_ROWS : 0);
  }
}
