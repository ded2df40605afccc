/**
 * String keys → slots: open addressing over hashes; the strings themselves stay with the caller. Used by `key-index.ts`.
 *
 * A cell is two int32: the hash, and slot + 1 (0: empty). A string is compared only where its whole hash agrees. On strings
 * fresh from a batch it takes 0.7 of a Map's CPU time at a million keys, 0.7 to 1 at 20,000 (`bench/state.ts`); a prototype with
 * the characters in an arena of its own was slower at 20,000 and equal at a million. Growth and removal as in
 * `number-table.ts`.
 */

const CELLS_MIN = 4;

export class StringTable {
  #cells = new Int32Array(2 * CELLS_MIN);
  #mask = CELLS_MIN - 1;
  #size = 0;
  readonly #texts: readonly unknown[];

  /** @param texts the string of each slot in use, kept by the caller. */
  constructor(texts: readonly unknown[]) {
    this.#texts = texts;
  }

  /** The string's slot, or -1. */
  find(text: string): number {
    const hash = hashOf(text);
    const cells = this.#cells;
    const mask = this.#mask;
    for (let cell = hash & mask; ; cell = (cell + 1) & mask) {
      const found = cells[(cell << 1) + 1] as number;
      if (found === 0) return -1;
      if (cells[cell << 1] === hash && this.#texts[found - 1] === text) return found - 1;
    }
  }

  /** Makes room for so many strings, so that adding them moves nothing. */
  reserve(strings: number): void {
    if (2 * strings > this.#mask + 1) this.#resize(2 ** Math.ceil(Math.log2(2 * strings)));
  }

  /** REQUIRES: the string is absent. */
  insert(text: string, slot: number): void {
    if (2 * (this.#size + 1) > this.#mask + 1) this.#resize(2 * (this.#mask + 1));
    this.#place(hashOf(text), slot + 1);
    this.#size++;
  }

  /** REQUIRES: the string is present in that slot. */
  remove(text: string, slot: number): void {
    const cells = this.#cells;
    const mask = this.#mask;
    let hole = hashOf(text) & mask;
    while (cells[(hole << 1) + 1] !== slot + 1) hole = (hole + 1) & mask;
    for (let cell = (hole + 1) & mask; cells[(cell << 1) + 1] !== 0; cell = (cell + 1) & mask) {
      const home = (cells[cell << 1] as number) & mask;
      if (((cell - home) & mask) < ((cell - hole) & mask)) continue;
      cells[hole << 1] = cells[cell << 1] as number;
      cells[(hole << 1) + 1] = cells[(cell << 1) + 1] as number;
      hole = cell;
    }
    cells[(hole << 1) + 1] = 0;
    this.#size--;
    if (this.#mask + 1 > CELLS_MIN && 16 * this.#size < this.#mask + 1) this.#resize((this.#mask + 1) >> 2);
  }

  #resize(cells: number): void {
    const old = this.#cells;
    this.#cells = new Int32Array(2 * Math.max(cells, CELLS_MIN));
    this.#mask = Math.max(cells, CELLS_MIN) - 1;
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] !== 0) this.#place(old[at] as number, old[at + 1] as number);
    }
  }

  #place(hash: number, slotPlusOne: number): void {
    let cell = hash & this.#mask;
    while (this.#cells[(cell << 1) + 1] !== 0) cell = (cell + 1) & this.#mask;
    this.#cells[cell << 1] = hash;
    this.#cells[(cell << 1) + 1] = slotPlusOne;
  }
}

/** FNV-1a over UTF-16 units, finished so that the low bits are good. Never persisted. */
function hashOf(text: string): number {
  let h = text.length;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  return h ^ (h >>> 13);
}
