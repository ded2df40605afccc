/**
 * The cells of picked rows, by place. Of records that have the same fields, these are taken at once: what holds on to a record
 * that is replaced meanwhile has the garbage collector copy it, and references among old objects cost as much as the fields.
 *
 *              the first value is a record              one has other fields
 *   undecided ──────────────────────────────► fields ─────────────────────────► no more is taken: it goes on elsewhere
 *       └──────── it is anything else ──────► values
 */

import { type Column, fieldsOf, RecordColumns, type Spreader, spreaderOf } from "./column-codec.ts";
import { PickedColumn } from "./picked-column.ts";

/** Records with more fields are taken as they are: a column of each would be kept for all rows that wait. */
const TAKEN_FIELDS_MAX = 8;

interface TakenFields {
  readonly fields: readonly string[];
  readonly columns: readonly PickedColumn[];
  /** Where each column's values are put, as it takes them now. */
  readonly into: readonly (Float64Array | unknown[])[];
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
  #values: PickedColumn | undefined;

  constructor(capacity: number, learnt: CellsLearnt) {
    this.#capacity = capacity;
    this.#learnt = learnt;
  }

  /** Takes cells from one on, to places from `place` on. @returns the first that it does not: it needs rows of its own. */
  take(cells: readonly unknown[], from: number, to: number, place: number): number {
    let at = from;
    while (at < to) {
      const next = this.#takeSome(cells, at, to, place + at - from);
      if (next === at) {
        this.#learnt.areMixed = true;
        return at;
      }
      at = next;
    }
    return at;
  }

  #takeSome(cells: readonly unknown[], from: number, to: number, place: number): number {
    const first = cells[from];
    if (first === undefined) {
      this.#absent ??= new Uint8Array(this.#capacity);
      this.#absent[place] = 1;
      return from + 1;
    }
    if (this.#taking === undefined && this.#values === undefined) this.#begin(first);
    return this.#taking === undefined
      ? setAll(this.#values as PickedColumn, cells, from, to, place) // as it has begun, with one of the two
      : this.#spread(cells, from, to, place, this.#taking);
  }

  #begin(first: unknown): void {
    const fields = this.#learnt.areMixed ? undefined : fieldsOf(first);
    if (fields === undefined || fields.length > TAKEN_FIELDS_MAX) this.#values = new PickedColumn(this.#capacity);
    else
      this.#taking = takenFields(
        fields,
        fields.map(() => new PickedColumn(this.#capacity)),
      );
  }

  #spread(cells: readonly unknown[], from: number, to: number, place: number, taking: TakenFields): number {
    const { fields, spread, into } = taking;
    const next = spread(cells, from, to, into, place, fields);
    if (next < to && this.#widen(taking, cells[next], place + next - from) && next === from)
      return this.#takeSome(cells, from, to, place);
    return next;
  }

  /** Columns of numbers take anything from now on where a record has no number. @returns whether there are some. */
  #widen({ fields, columns }: TakenFields, cell: unknown, count: number): boolean {
    const own = fieldsOf(cell);
    if (own?.length !== fields.length || own.some((field, at) => field !== fields[at])) return false;
    const record = cell as Readonly<Record<string, unknown>>; // with these fields
    const isLacking = (column: PickedColumn, at: number): boolean =>
      column.holdsNumbers && typeof record[fields[at] as string] !== "number";
    const lacking = columns.filter(isLacking);
    for (const column of lacking) column.takeAny(count);
    this.#taking = takenFields(fields, columns);
    return lacking.length > 0;
  }

  /** Whether each of these places has something, and what those have that do. Arrays are the caller's to give back. */
  gathered(places: Int32Array): readonly [present: readonly boolean[], values: Column | RecordColumns, at: Int32Array] {
    const absent = this.#absent;
    const present = Array.from(places, (place) => absent?.[place] !== 1);
    const at = absent === undefined ? places : places.filter((place) => absent[place] !== 1);
    if (at.length === 0) return [present, [], at];
    if (this.#taking === undefined) return [present, (this.#values as PickedColumn).gathered(at), at]; // as there is something
    const { fields, columns } = this.#taking;
    const gathered = columns.map((column) => column.gathered(at));
    return [present, new RecordColumns(at.length, fields, gathered), at];
  }

  release(): void {
    for (const column of this.#taking?.columns ?? []) column.release();
    this.#values?.release();
  }
}

function takenFields(fields: readonly string[], columns: readonly PickedColumn[]): TakenFields {
  const numbers = columns.map(({ holdsNumbers }) => holdsNumbers);
  return { fields, columns, into: columns.map(({ values }) => values), spread: spreaderOf(fields, numbers) };
}

/** As far as there is something. */
function setAll(column: PickedColumn, cells: readonly unknown[], from: number, to: number, place: number): number {
  let at = from;
  for (; at < to && cells[at] !== undefined; at++) column.set(place + at - from, cells[at]);
  return at;
}
