/**
 * topN: the best n records of each key, as a changelog of rows, or of rows with their ranks.
 *
 *   1. Without an id each record is a new row. With one, a record takes the place of its row's former version, wherever
 *      that stands.
 *   2. The new list of the best is compared with the old one: rows that have left it are deleted, those that have come are
 *      inserted, versions of one row are an update. With ranks, each place that holds another row is an update. As upserts,
 *      of an update only the new row is emitted.
 *   3. Where scores may fall, rows outside of the list are kept too; one of them moves up when a row of the list falls
 *      behind it.
 *
 * State: value "best", the rows of the list from the best to the worst; map "others", by id the rows outside of it, where
 * those may come to be in it. Cost: O(log n) for a record that stays outside, O(n) for one that changes the list, and
 * one pass over the others when a row of the list gets worse.
 */

import { type Change, deleted, inserted, updatedFrom, updatedTo } from "../core/changelog.ts";
import { encodeKey, type Key } from "../core/key.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import type { MapState, StateDescriptor, ValueState } from "../core/state.ts";
import { placeFor, type TopNSpec } from "../core/top-n.ts";
import { selectKey } from "./keyed-record.ts";
import { type RowOrder, rowOrder } from "./row-order.ts";

type Rows = readonly unknown[];
const NO_ROWS: Rows = Object.freeze([]);

export class TopNOperator implements Operator {
  readonly #spec: TopNSpec;
  readonly #context: OperatorContext;
  readonly #order: RowOrder;
  readonly #best: ValueState<Rows>;
  readonly #others: MapState<Key, unknown> | undefined;

  constructor(spec: TopNSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#order = rowOrder(spec, context);
    this.#best = context.state.state("best", spec.state["best"] as StateDescriptor) as ValueState<Rows>;
    if (spec.keepsOthers)
      this.#others = context.state.state("others", spec.state["others"] as StateDescriptor) as MapState<Key, unknown>;
  }

  process(value: unknown, timestamp: number): void {
    selectKey(this.#spec.key, this.#context, value, timestamp);
    const before = this.#best.get() ?? NO_ROWS;
    const id = this.#idOf(value);
    const at = id === undefined ? -1 : before.findIndex((row) => this.#idOf(row) === id);
    const after = this.#listWith(before, value, at);
    if (after === before) return;
    this.#best.set(after);
    if (this.#spec.ranks) this.#emitRanks(before, after, timestamp);
    else this.#emitRows(before, after, at < 0 ? undefined : before[at], value, timestamp);
  }

  /** The list with the row in it, in the place of its former version at `at`; the same one if it stays outside. */
  #listWith(before: Rows, value: unknown, at: number): Rows {
    const { n } = this.#spec;
    const rows = at < 0 ? before : before.toSpliced(at, 1);
    const place = placeFor(this.#order.isBetter, rows, value);
    if (at < 0 && place >= n) {
      this.#keepOther(value);
      return before;
    }
    const after = rows.toSpliced(place, 0, value);
    if (this.#others !== undefined && at < 0) this.#others.remove(this.#spec.id?.(value) as Key);
    if (after.length > n) this.#keepOther(after.pop());
    return at >= 0 && place === rows.length ? this.#withBetterOther(after) : after;
  }

  #keepOther(row: unknown): void {
    this.#others?.put(this.#spec.id?.(row) as Key, row);
  }

  /** Its last row has got worse: one from outside may be better by now. */
  #withBetterOther(rows: unknown[]): Rows {
    const others = this.#others;
    if (others === undefined || others.size === 0) return rows;
    const last = rows.pop();
    let best: { readonly row: unknown; readonly id: Key } | undefined;
    for (const [id, row] of others.entries())
      if (this.#order.isBetter(row, best === undefined ? last : best.row)) best = { row, id };
    if (best === undefined) return [...rows, last];
    others.remove(best.id);
    this.#keepOther(last);
    return [...rows, best.row];
  }

  /** What tells the row apart, as text, so that equal keys are the same. */
  #idOf(row: unknown): string | undefined {
    const { id } = this.#spec;
    if (id === undefined) return undefined;
    try {
      return encodeKey(id(row), this.#context.operator);
    } catch (error) {
      throw this.#context.failure(error, row);
    }
  }

  #emitRows(before: Rows, after: Rows, former: unknown, value: unknown, timestamp: number): void {
    const { push } = this.#context.output;
    const stays = after.includes(value);
    if (former !== undefined && stays) {
      if (this.#spec.emit === "changes") push(updatedFrom(former), timestamp);
      push(updatedTo(value), timestamp);
    }
    for (const row of before) if (!after.includes(row) && !(row === former && stays)) push(deleted(row), timestamp);
    for (const row of after)
      if (!before.includes(row) && !(row === value && former !== undefined)) push(inserted(row), timestamp);
  }

  #emitRanks(before: Rows, after: Rows, timestamp: number): void {
    const push = (change: Change<unknown>): void => this.#context.output.push(change, timestamp);
    for (let i = 0; i < after.length; i++) {
      const ranked = { rank: i + 1, value: after[i] };
      if (i >= before.length) push(inserted(ranked));
      else if (before[i] !== after[i]) {
        if (this.#spec.emit === "changes") push(updatedFrom({ rank: i + 1, value: before[i] }));
        push(updatedTo(ranked));
      }
    }
  }
}
