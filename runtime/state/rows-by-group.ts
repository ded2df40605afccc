/** Row numbers sorted by key group, in steps: how everything that is saved finds its place. */

/** Rows that are looked at before others may go on: some hundred microseconds. */
export const ROWS_A_STEP = 16_384;

export interface SortedRows {
  readonly rows: Int32Array;
  /** By place: the row's key group, ascending. */
  readonly groups: Uint16Array;
}

export class RowsByGroup {
  #rows = new Int32Array(1024);
  #groups = new Uint16Array(1024);
  #size = 0;

  add(keyGroup: number, row: number): void {
    if (this.#size === this.#rows.length) this.#grow();
    this.#rows[this.#size] = row;
    this.#groups[this.#size++] = keyGroup;
  }

  /** Rows of a key group keep the order in which they were added. */
  *sorted(): Generator<undefined, SortedRows> {
    const size = this.#size;
    const starts = this.#starts();
    const rows = new Int32Array(size);
    const groups = new Uint16Array(size);
    for (let i = 0; i < size; i++) {
      const group = this.#groups[i] as number;
      const place = starts[group] as number;
      starts[group] = place + 1;
      rows[place] = this.#rows[i] as number;
      groups[place] = group;
      if (i % ROWS_A_STEP === ROWS_A_STEP - 1) yield undefined;
    }
    return { rows, groups };
  }

  #starts(): Uint32Array {
    let highest = 0;
    for (let i = 0; i < this.#size; i++) if ((this.#groups[i] as number) > highest) highest = this.#groups[i] as number;
    const counts = new Uint32Array(highest + 2);
    for (let i = 0; i < this.#size; i++) (counts[(this.#groups[i] as number) + 1] as number)++;
    for (let group = 1; group < counts.length; group++)
      counts[group] = (counts[group] as number) + (counts[group - 1] as number);
    return counts;
  }

  #grow(): void {
    const rows = new Int32Array(2 * this.#rows.length);
    rows.set(this.#rows);
    this.#rows = rows;
    const groups = new Uint16Array(2 * this.#groups.length);
    groups.set(this.#groups);
    this.#groups = groups;
  }
}
