/** Rows sorted by key group, in steps: how everything that is saved finds its place. */

/** Rows that are looked at before others may go on: some hundred microseconds. A power of two. */
export const ROWS_A_STEP = 16_384;

/**
 * Rows of a capture that are sorted together. They lie near each other in memory, and so they are read while that is at
 * hand; of all rows of a large state each would be a cache miss. A block then holds a sixteenth of the key groups.
 */
export const ROWS_SORTED_TOGETHER = 16_384;

const GROUPS_MIN = 128;

export interface SortedRows {
  readonly rows: Int32Array;
  /** By place: what `add` was told beside the row. */
  readonly panes: Int32Array;
  /** By place: the row's key group, ascending. */
  readonly groups: Uint16Array;
}

/** Rows in chunks, which never have to be copied while they become more. */
interface Chunk {
  readonly rows: Int32Array;
  readonly panes: Int32Array;
  readonly groups: Uint16Array;
}

export class RowsByGroup {
  readonly #chunks: Chunk[] = [];
  /** By key group: how many rows it has. */
  #counts = new Uint32Array(GROUPS_MIN);
  #size = 0;

  add(keyGroup: number, row: number, pane = 0): void {
    const at = this.#size++ & (ROWS_A_STEP - 1);
    if (at === 0) this.#chunks.push(newChunk());
    const { rows, panes, groups } = this.#chunks[this.#chunks.length - 1] as Chunk;
    rows[at] = row;
    panes[at] = pane;
    groups[at] = keyGroup;
    if (keyGroup >= this.#counts.length) this.#growCounts(keyGroup);
    this.#counts[keyGroup] = (this.#counts[keyGroup] as number) + 1;
  }

  get size(): number {
    return this.#size;
  }

  /** Rows of a key group keep the order in which they were added. */
  *sorted(): Generator<undefined, SortedRows> {
    const starts = this.#starts();
    const sorted = {
      rows: new Int32Array(this.#size),
      panes: new Int32Array(this.#size),
      groups: new Uint16Array(this.#size),
    };
    for (const [i, chunk] of this.#chunks.entries()) {
      sort(chunk, Math.min(ROWS_A_STEP, this.#size - i * ROWS_A_STEP), starts, sorted);
      yield undefined;
    }
    return sorted;
  }

  /** The place of each key group's first row. */
  #starts(): Uint32Array {
    const starts = new Uint32Array(this.#counts.length);
    let next = 0;
    for (let group = 0; group < starts.length; group++) {
      starts[group] = next;
      next += this.#counts[group] as number;
    }
    return starts;
  }

  #growCounts(keyGroup: number): void {
    const counts = new Uint32Array(Math.max(2 * this.#counts.length, keyGroup + 1));
    counts.set(this.#counts);
    this.#counts = counts;
  }
}

function sort(chunk: Chunk, size: number, starts: Uint32Array, { rows, panes, groups }: SortedRows): void {
  for (let at = 0; at < size; at++) {
    const group = chunk.groups[at] as number;
    const place = starts[group] as number;
    starts[group] = place + 1;
    rows[place] = chunk.rows[at] as number;
    panes[place] = chunk.panes[at] as number;
    groups[place] = group;
  }
}

function newChunk(): Chunk {
  return {
    rows: new Int32Array(ROWS_A_STEP),
    panes: new Int32Array(ROWS_A_STEP),
    groups: new Uint16Array(ROWS_A_STEP),
  };
}
