/**
 * Lists of sessions, thousands of them and most of them empty: blocks of one array, each with the number of the next one.
 *
 *   block   next | session session session …      of 32 places; block 0 is none
 *
 * Adding allocates nothing but now and then a longer array, and the blocks of a list that was taken are used again. Used by
 * `session-ends.ts`.
 */

const BLOCK = 32;

/** How many fit into a block behind the number of the next one. */
const ROOM = BLOCK - 1;

export class SessionLists {
  #blocks = new Int32Array(8 * BLOCK);
  /** How many blocks have ever been in use. */
  #blocksUsed = 1;
  /** The first of the blocks that are free again. */
  #free = 0;
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #counts: Int32Array;
  /** What was taken last; adding leaves it as it is. */
  taken = new Int32Array(BLOCK);

  constructor(lists: number) {
    this.#first = new Int32Array(lists);
    this.#last = new Int32Array(lists);
    this.#counts = new Int32Array(lists);
  }

  countOf(list: number): number {
    return this.#counts[list] as number;
  }

  add(list: number, session: number): void {
    const count = this.#counts[list] as number;
    const within = count % ROOM;
    if (within === 0) this.#extend(list);
    this.#blocks[(this.#last[list] as number) * BLOCK + 1 + within] = session;
    this.#counts[list] = count + 1;
  }

  /** Empties a list into the first places of `taken`, in the order in which its sessions were added; how many they were. */
  take(list: number): number {
    const count = this.#counts[list] as number;
    if (count > this.taken.length) this.taken = new Int32Array(2 * count);
    const { taken } = this;
    const blocks = this.#blocks;
    let block = this.#first[list] as number;
    for (let at = 0; at < count; at += ROOM) {
      const from = block * BLOCK + 1 - at;
      const end = Math.min(at + ROOM, count);
      for (let i = at; i < end; i++) taken[i] = blocks[from + i] as number;
      block = blocks[block * BLOCK] as number;
    }
    if (count > 0) this.#release(list);
    return count;
  }

  #release(list: number): void {
    this.#blocks[(this.#last[list] as number) * BLOCK] = this.#free;
    this.#free = this.#first[list] as number;
    this.#first[list] = 0;
    this.#last[list] = 0;
    this.#counts[list] = 0;
  }

  #extend(list: number): void {
    const block = this.#newBlock();
    const last = this.#last[list] as number;
    if (last === 0) this.#first[list] = block;
    else this.#blocks[last * BLOCK] = block;
    this.#last[list] = block;
  }

  #newBlock(): number {
    if (this.#free !== 0) {
      const block = this.#free;
      this.#free = this.#blocks[block * BLOCK] as number;
      this.#blocks[block * BLOCK] = 0;
      return block;
    }
    if (this.#blocksUsed * BLOCK === this.#blocks.length) {
      const longer = new Int32Array(2 * this.#blocks.length);
      longer.set(this.#blocks);
      this.#blocks = longer;
    }
    return this.#blocksUsed++;
  }
}
