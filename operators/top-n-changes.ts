/**
 * topNChanges: the best n rows that each key has now, as a changelog of rows, or of rows with their ranks.
 *
 *   1. A row that comes takes its place by its score, behind those as good. Rows in front of all others stand in the list: the
 *      best n, which are the result, and some behind them, so that it need not be filled up with every row that goes.
 *   2. A row that goes leaves the list, or the others. When the list has become too short for the result, the best of the
 *      others fill it up.
 *   3. What has left the result is deleted, what has come is inserted, another version of a row is an update. With ranks,
 *      each place that holds another row is an update, and places at the end are inserted and deleted.
 *
 * A row that goes and is not there is counted as "unknownRows" and changes nothing.
 *
 * State: value "best", the rows of the list and the number of the next row; map "others", by what tells a row apart the row
 * and the numbers of its copies: so all rows of a key are kept. Cost: O(log n) a row that stays outside, O(n) for one in the
 * list, and one pass over the others in `LIST_SPARE` rows that leave it.
 */

import { type Change, checkedAddsRow, deleted, inserted, updatedFrom, updatedTo } from "../core/changelog.ts";
import { encodeKey } from "../core/key.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import type { MapState, StateDescriptor, ValueState } from "../core/state.ts";
import type { Counter } from "../core/telemetry.ts";
import { placeFor, type TopNChangesSpec } from "../core/top-n.ts";
import { rowText } from "./join/row-text.ts";
import { selectKey } from "./keyed-record.ts";
import { rowOrder } from "./row-order.ts";

/** How many rows the list holds behind the best n at the most. */
const LIST_SPARE = 32;

/** Up to so many comparisons it takes less to compare rows with each other than to make sets of them. */
const COMPARED_MAX = 400;

/** A row with what tells it apart, and the number by which it came. */
interface Placed {
  readonly id: string;
  readonly row: unknown;
  readonly at: number;
}

interface Best {
  readonly next: number;
  readonly rows: readonly Placed[];
}

/** A row outside of the list, with the numbers of its copies, ascending. */
interface Other {
  readonly row: unknown;
  readonly at: readonly number[];
}

export class TopNChangesOperator implements Operator {
  readonly #spec: TopNChangesSpec;
  readonly #context: OperatorContext;
  readonly #isBefore: (a: Placed, b: Placed) => boolean;
  readonly #best: ValueState<Best>;
  readonly #others: MapState<string, Other>;
  readonly #unknownRows: Counter;
  readonly #rowsMax: number;

  constructor(spec: TopNChangesSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    const { isBetter } = rowOrder(spec, context);
    this.#isBefore = (a, b) => isBetter(a.row, b.row) || (a.at < b.at && !isBetter(b.row, a.row));
    this.#best = context.state.state("best", spec.state["best"] as StateDescriptor) as ValueState<Best>;
    this.#others = context.state.state("others", spec.state["others"] as StateDescriptor) as MapState<string, Other>;
    this.#unknownRows = context.metrics.counter("unknownRows");
    this.#rowsMax = spec.n + LIST_SPARE;
  }

  process(value: unknown, timestamp: number): void {
    selectKey(this.#spec.key, this.#context, value, timestamp);
    const change = value as Change<unknown>;
    const { next, rows: before } = this.#best.get() ?? { next: 0, rows: [] };
    const rows = before.slice();
    const adds = this.#adds(change);
    const id = this.#idOf(change.value);
    if (adds) {
      if (this.#spec.id !== undefined) this.#remove(rows, id);
      this.#insert(rows, { id, row: change.value, at: next });
    } else if (!this.#remove(rows, id)) {
      this.#unknownRows.add();
      return;
    }
    if (rows.length < this.#spec.n) this.#fillUp(rows);
    if (rows.length === 0) this.#best.clear();
    else this.#best.set({ next: next + 1, rows });
    this.#emit(before, rows, timestamp);
  }

  #adds(change: Change<unknown>): boolean {
    try {
      return checkedAddsRow(change, this.#context.operator);
    } catch (error) {
      throw this.#context.failure(error, change);
    }
  }

  #insert(rows: Placed[], row: Placed): void {
    const place = placeFor(this.#isBefore, rows, row);
    // Behind the list are the others, of which one may be better.
    if (place === rows.length && (rows.length === this.#rowsMax || this.#others.size > 0)) {
      this.#putOther(row);
      return;
    }
    rows.splice(place, 0, row);
    if (rows.length > this.#rowsMax) this.#putOther(rows.pop() as Placed);
  }

  #putOther({ id, row, at }: Placed): void {
    const before = this.#others.get(id)?.at ?? [];
    this.#others.put(id, { row, at: [...before, at].toSorted((a, b) => a - b) });
  }

  /** Takes out the last copy of a row. Returns whether there was one. */
  #remove(rows: Placed[], id: string): boolean {
    const other = this.#others.get(id);
    if (other !== undefined) {
      this.#leaveOther(id, other.row, other.at.slice(0, -1));
      return true;
    }
    const place = lastPlaceOf(rows, id);
    if (place >= 0) rows.splice(place, 1);
    return place >= 0;
  }

  #leaveOther(id: string, row: unknown, at: readonly number[]): void {
    if (at.length === 0) this.#others.remove(id);
    else this.#others.put(id, { row, at });
  }

  /** The best of the others come into the list, as many as it holds. */
  #fillUp(rows: Placed[]): void {
    const others = this.#others;
    if (others.size === 0) return;
    const room = this.#rowsMax - rows.length;
    const best: Placed[] = [];
    for (const [id, { row, at: copies }] of others.entries())
      for (const at of copies) {
        const placed = { id, row, at };
        const place = placeFor(this.#isBefore, best, placed);
        if (place === room) break;
        best.splice(place, 0, placed);
        if (best.length > room) best.pop();
      }
    for (const { id, row, at } of best) {
      const copies = others.get(id)?.at ?? [];
      this.#leaveOther(
        id,
        row,
        copies.filter((copy) => copy !== at),
      );
    }
    rows.push(...best);
  }

  /** What tells the row apart, as text, so that equal keys are the same. */
  #idOf(row: unknown): string {
    const { id } = this.#spec;
    try {
      return id === undefined ? rowText(row) : encodeKey(id(row), this.#context.operator);
    } catch (error) {
      throw this.#context.failure(error, row);
    }
  }

  /** What a change has done to the best n. In front of the first place that it has changed nothing is looked at. */
  #emit(before: readonly Placed[], after: readonly Placed[], timestamp: number): void {
    const { n, ranks } = this.#spec;
    const [stood, stand] = [Math.min(before.length, n), Math.min(after.length, n)];
    let first = 0;
    while (first < stood && first < stand && before[first] === after[first]) first++;
    if (ranks) this.#emitRanks(before.slice(0, stood), after.slice(0, stand), first, timestamp);
    else if (first < stood || first < stand)
      this.#emitRows(before.slice(first, stood), after.slice(first, stand), timestamp);
  }

  #emitRows(before: readonly Placed[], after: readonly Placed[], timestamp: number): void {
    const [gone, come] = [notAmong(before, after), notAmong(after, before)];
    for (const { id, row } of gone)
      if (!come.some((other) => other.id === id)) this.#context.output.push(deleted(row), timestamp);
    for (const { id, row } of come) {
      const former = gone.find((other) => other.id === id);
      if (former === undefined) this.#context.output.push(inserted(row), timestamp);
      else this.#pushUpdate(former.row, row, timestamp);
    }
  }

  #emitRanks(before: readonly Placed[], after: readonly Placed[], first: number, timestamp: number): void {
    const { push } = this.#context.output;
    const ranked = ({ row }: Placed, i: number): unknown => ({ rank: i + 1, value: row });
    for (let i = first; i < after.length; i++) {
      const [former, placed] = [before[i], after[i] as Placed];
      if (former === undefined) push(inserted(ranked(placed, i)), timestamp);
      else if (former.at !== placed.at) this.#pushUpdate(ranked(former, i), ranked(placed, i), timestamp);
    }
    for (let i = before.length - 1; i >= after.length; i--) push(deleted(ranked(before[i] as Placed, i)), timestamp);
  }

  #pushUpdate(former: unknown, row: unknown, timestamp: number): void {
    const { push } = this.#context.output;
    if (this.#spec.emit === "changes") push(updatedFrom(former), timestamp);
    push(updatedTo(row), timestamp);
  }
}

/** The rows that are not among others. */
function notAmong(rows: readonly Placed[], others: readonly Placed[]): readonly Placed[] {
  if (rows.length * others.length <= COMPARED_MAX) return rows.filter(({ at }) => !holds(others, at));
  const known = new Set(others.map(({ at }) => at));
  return rows.filter(({ at }) => !known.has(at));
}

function holds(rows: readonly Placed[], at: number): boolean {
  for (const row of rows) if (row.at === at) return true;
  return false;
}

/** Ids that differ mostly do so in the middle or at their end, and to read two characters is quicker than to compare texts. */
function lastPlaceOf(rows: readonly Placed[], id: string): number {
  const { length } = id;
  const last = id.charCodeAt(length - 1);
  const middle = id.charCodeAt(length >> 1);
  for (let place = rows.length - 1; place >= 0; place--) {
    const other = (rows[place] as Placed).id;
    if (other.length !== length || other.charCodeAt(length - 1) !== last) continue;
    if (other.charCodeAt(length >> 1) === middle && other === id) return place;
  }
  return -1;
}
