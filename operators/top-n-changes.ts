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
    const rows = [...before];
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
    this.#emit(before.slice(0, this.#spec.n), rows.slice(0, this.#spec.n), timestamp);
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
    const place = rows.findLastIndex((row) => row.id === id);
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

  #emit(before: readonly Placed[], after: readonly Placed[], timestamp: number): void {
    if (this.#spec.ranks) this.#emitRanks(before, after, timestamp);
    else this.#emitRows(before, after, timestamp);
  }

  #emitRows(before: readonly Placed[], after: readonly Placed[], timestamp: number): void {
    const [stood, stand] = [new Set(before.map(({ at }) => at)), new Set(after.map(({ at }) => at))];
    const gone = before.filter(({ at }) => !stand.has(at));
    for (const { id, row } of gone)
      if (!after.some((other) => other.id === id && !stood.has(other.at)))
        this.#context.output.push(deleted(row), timestamp);
    for (const { id, row } of after.filter(({ at }) => !stood.has(at))) {
      const former = gone.find((other) => other.id === id);
      if (former === undefined) this.#context.output.push(inserted(row), timestamp);
      else this.#pushUpdate(former.row, row, timestamp);
    }
  }

  #emitRanks(before: readonly Placed[], after: readonly Placed[], timestamp: number): void {
    const { push } = this.#context.output;
    const ranked = ({ row }: Placed, i: number): unknown => ({ rank: i + 1, value: row });
    after.forEach((placed, i) => {
      const former = before[i];
      if (former === undefined) push(inserted(ranked(placed, i)), timestamp);
      else if (former.at !== placed.at) this.#pushUpdate(ranked(former, i), ranked(placed, i), timestamp);
    });
    for (let i = before.length - 1; i >= after.length; i--) push(deleted(ranked(before[i] as Placed, i)), timestamp);
  }

  #pushUpdate(former: unknown, row: unknown, timestamp: number): void {
    const { push } = this.#context.output;
    if (this.#spec.emit === "changes") push(updatedFrom(former), timestamp);
    push(updatedTo(row), timestamp);
  }
}
