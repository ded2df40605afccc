/**
 * The cells of picked rows, by place. Of records that have the same fields, these are taken at once: what holds on to a record
 * that is replaced meanwhile has the garbage collector copy it, and references among old objects cost as much as the fields.
 *
 *              the first value is a record              one has other fields
 *   undecided ──────────────────────────────► fields ─────────────────────────► no more is taken: it goes on elsewhere
 *       └──────── it is anything else ──────► values
 */

import {
  type Column,
  ConstantColumn,
  fieldsOf,
  type OwnColumn,
  RecordColumns,
  type Spreader,
  spreaderOf,
} from "./column-codec.ts";
import { PickedColumn } from "./picked-column.ts";

/** Records with more fields are taken as they are: a column of each would be kept for all rows that wait. */
const TAKEN_FIELDS_MAX = 8;

interface TakenFields {
  readonly fields: readonly string[];
  readonly spread: Spreader;
}

/** What a capture has learnt of its cells. */
export interface CellsLearnt {
  /** Records have different fields, so they are taken as they are. */
  areMixed: boolean;
}

export class PickedCells {
  readonly #capacity: number;
  readonly #learnt: CellsLearnt;
  /** By place: 1 where there is nothing; undefined: there is something everywhere. */
  #absent: Uint8Array | undefined;
  #taking: TakenFields | undefined;
  /** Of each field one, or one of the values; none: that is undecided. */
  #columns: readonly PickedColumn[] = [];

  constructor(capacity: number, learnt: CellsLearnt) {
    this.#capacity = capacity;
    this.#learnt = learnt;
  }

  /** Takes cells from one on, to places from `place` on. @returns the first that it does not: it needs rows of its own. */
  take(cells: readonly unknown[], from: number, to: number, place: number): number {
    // Made anew each time: among old objects each reference to a young one would have to be noted, and looked at to know.
    let scratch: readonly unknown[][] | undefined;
    for (let at = from; at < to; ) {
      const first = cells[at];
      if (first === undefined) {
        this.#leave(place + at++ - from);
        continue;
      }
      if (this.#columns.length === 0) this.#begin(first);
      scratch ??= this.#columns.map(() => new Array(to - at));
      const next =
        this.#taking === undefined
          ? copyPresent(cells, at, to, scratch)
          : this.#taking.spread(cells, at, to, scratch, this.#taking.fields);
      for (const [c, column] of this.#columns.entries())
        column.take(scratch[c] as unknown[], next - at, place + at - from);
      if (next === at) {
        this.#learnt.areMixed = true;
        return at;
      }
      at = next;
    }
    return to;
  }

  #leave(place: number): void {
    this.#absent ??= new Uint8Array(this.#capacity);
    this.#absent[place] = 1;
  }

  #begin(first: unknown): void {
    const fields = this.#learnt.areMixed ? undefined : fieldsOf(first);
    const areTaken = fields !== undefined && fields.length <= TAKEN_FIELDS_MAX;
    if (areTaken) this.#taking = { fields, spread: spreaderOf(fields) };
    this.#columns = Array.from({ length: areTaken ? fields.length : 1 }, () => new PickedColumn(this.#capacity));
  }

  /** Whether each of these places has something, and what those have that do. */
  gathered(places: Int32Array): readonly [present: Column | OwnColumn, values: Column | OwnColumn, at: Int32Array] {
    const absent = this.#absent;
    const at = absent === undefined ? places : places.filter((place) => absent[place] !== 1);
    if (at.length === 0) return [new ConstantColumn(places.length, false), [], at];
    const present =
      absent === undefined || at.length === places.length
        ? new ConstantColumn(places.length, true)
        : Array.from(places, (place) => absent[place] !== 1);
    const columns = this.#columns.map((column) => column.gathered(at));
    if (this.#taking === undefined) return [present, columns[0] ?? [], at];
    return [present, new RecordColumns(at.length, this.#taking.fields, columns), at];
  }

  /** What they take up in memory, and hold on to. */
  get bytes(): number {
    return this.#columns.reduce((sum, { bytes }) => sum + bytes, this.#absent?.byteLength ?? 0);
  }

  release(): void {
    for (const column of this.#columns) column.release();
  }
}

/** As far as there is something. @returns how far. */
function copyPresent(cells: readonly unknown[], from: number, to: number, [into]: readonly unknown[][]): number {
  const column = into as unknown[]; // there is one
  let at = from;
  for (; at < to && cells[at] !== undefined; at++) column[at - from] = cells[at];
  return at;
}
