/**
 * Regular joins: every row of one input with every row of the other that has its key and is remembered.
 *
 *   a row comes     a pair for each match; the other's result without a match is taken back before its first one
 *                   without any: where its input is preserved, the result of the row alone
 *   a row goes      each pair is taken back; the other's result alone comes back behind its last one
 *
 * Whatever a record leads to is emitted behind one another with its timestamp. A row that is forgotten by age takes nothing
 * back. Rows that go and are not remembered are counted as "unknownRows" and change nothing.
 *
 * State: maps "left" and "right", by row: the row, how often it is there and how many rows match it (of rows that never go,
 * whether any does). What tells rows apart is the whole row as text, or what the program says; of rows that never go their time. Cost: O(rows of the key on the
 * other side) a record.
 */

import { type Change, checkedAddsRow, deleted, inserted } from "../../core/changelog.ts";
import type { MillraceError } from "../../core/errors.ts";
import type { Key, KeySelector } from "../../core/key.ts";
import type { Operator, OperatorContext } from "../../core/operator.ts";
import type { JoinRow, RegularJoinSpec } from "../../core/regular-join.ts";
import type { MapState } from "../../core/state.ts";
import type { Counter } from "../../core/telemetry.ts";
import { isEventTime } from "../../core/time.ts";
import { promiseReturned } from "../../core/user-function.ts";
import { selectKey } from "../keyed-record.ts";
import { rowText } from "./row-text.ts";
import { pushStamped, type Stamped } from "./stamped.ts";

/** How many times near to a row's are tried before its text tells it from others: rows of one time are often few. */
const NEAR_TIMES = 4;

interface Side {
  readonly isLeft: boolean;
  readonly key: KeySelector;
  readonly own: MapState<Key, JoinRow>;
  readonly other: MapState<Key, JoinRow>;
  readonly rowKey: (row: unknown) => Key;
  readonly preserved: boolean;
  readonly otherPreserved: boolean;
}

type Results = Generator<Stamped, void>;

export class RegularJoinOperator implements Operator {
  readonly #spec: RegularJoinSpec;
  readonly #context: OperatorContext;
  readonly #left: Side;
  readonly #right: Side;
  readonly #unknownRows: Counter;
  /** Whether a row's last match may go: how many there are has to be known then, and otherwise only whether there is one. */
  readonly #rowsGo: boolean;

  constructor(spec: RegularJoinSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#unknownRows = context.metrics.counter("unknownRows");
    this.#rowsGo = spec.ofChanges || spec.leftRow !== undefined || spec.rightRow !== undefined;
    const left: MapState<Key, JoinRow> = context.state.state("left", spec.state.left);
    const right: MapState<Key, JoinRow> = context.state.state("right", spec.state.right);
    const { preserved, keys } = spec;
    this.#left = {
      ...{ isLeft: true, key: keys[0], own: left, other: right, rowKey: spec.leftRow ?? rowText },
      ...{ preserved: preserved.left, otherPreserved: preserved.right },
    };
    this.#right = {
      ...{ isLeft: false, key: keys[1], own: right, other: left, rowKey: spec.rightRow ?? rowText },
      ...{ preserved: preserved.right, otherPreserved: preserved.left },
    };
  }

  process(value: unknown, timestamp: number): void {
    this.#take(this.#left, value, timestamp);
  }

  process2(value: unknown, timestamp: number): void {
    this.#take(this.#right, value, timestamp);
  }

  #take(side: Side, value: unknown, timestamp: number): void {
    selectKey(side.key, this.#context, value, timestamp);
    const failing = (error: unknown): MillraceError => this.#context.failure(error, value);
    pushStamped(this.#context, this.#results(side, value, timestamp, failing), () => {}, failing);
  }

  #results(side: Side, value: unknown, timestamp: number, failing: (error: unknown) => MillraceError): Results {
    if (!this.#spec.ofChanges) return this.#insert(side, value, timestamp);
    const change = value as Change<unknown>;
    try {
      const adds = checkedAddsRow(change, this.#context.operator);
      return adds ? this.#insert(side, change.value, timestamp) : this.#remove(side, change.value, timestamp);
    } catch (error) {
      throw failing(error);
    }
  }

  *#insert(side: Side, row: unknown, timestamp: number): Results {
    const named = (side.isLeft ? this.#spec.leftRow : this.#spec.rightRow) !== undefined;
    const rowKey = this.#rowsGo ? side.rowKey(row) : this.#freeKey(side, row, timestamp);
    const before = side.own.get(rowKey);
    if (before !== undefined && named) yield* this.#remove(side, before.row, timestamp);
    let matches = 0;
    for (const [otherKey, other] of this.#matchesOf(side, row)) {
      if (side.otherPreserved && other.matches === 0)
        for (let copy = 0; copy < other.copies; copy++)
          yield this.#change(deleted, this.#alone(!side.isLeft, other.row), timestamp);
      if (side.otherPreserved && (this.#rowsGo || other.matches === 0))
        side.other.put(otherKey, { ...other, matches: other.matches + 1 });
      for (let copy = 0; copy < other.copies; copy++)
        yield this.#change(inserted, this.#pair(side, row, other.row), timestamp);
      matches += other.copies;
    }
    if (matches === 0 && side.preserved) yield this.#change(inserted, this.#alone(side.isLeft, row), timestamp);
    const copies = named ? 0 : (before?.copies ?? 0);
    const counted = this.#rowsGo ? matches : Math.min(matches, 1);
    side.own.put(rowKey, { row, copies: copies + 1, matches: side.preserved ? counted : 0 });
  }

  /** Of rows that never go nobody asks for one by what it holds, so that its time will do, or one near to it that is free. */
  #freeKey(side: Side, row: unknown, timestamp: number): Key {
    if (isEventTime(timestamp))
      for (let key = timestamp; key < timestamp + NEAR_TIMES; key++) if (!side.own.has(key)) return key;
    return rowText(row);
  }

  *#remove(side: Side, row: unknown, timestamp: number): Results {
    const rowKey = side.rowKey(row);
    const held = side.own.get(rowKey);
    if (held === undefined) {
      this.#unknownRows.add();
      return;
    }
    if (held.copies > 1) side.own.put(rowKey, { ...held, copies: held.copies - 1 });
    else side.own.remove(rowKey);
    for (const [otherKey, other] of this.#matchesOf(side, held.row)) {
      for (let copy = 0; copy < other.copies; copy++)
        yield this.#change(deleted, this.#pair(side, held.row, other.row), timestamp);
      if (!side.otherPreserved) continue;
      const matches = Math.max(0, other.matches - 1);
      side.other.put(otherKey, { ...other, matches });
      if (matches === 0)
        for (let copy = 0; copy < other.copies; copy++)
          yield this.#change(inserted, this.#alone(!side.isLeft, other.row), timestamp);
    }
    if (held.matches === 0 && side.preserved)
      yield this.#change(deleted, this.#alone(side.isLeft, held.row), timestamp);
  }

  /** The remembered rows of the other input that match, as they are now: what is emitted for them may change them. */
  #matchesOf(side: Side, row: unknown): readonly (readonly [Key, JoinRow])[] {
    const { on } = this.#spec;
    const matches: (readonly [Key, JoinRow])[] = [];
    for (const [key, held] of side.other.entries()) {
      const isMatch = on === undefined || (side.isLeft ? on(row, held.row) : on(held.row, row));
      if (isMatch) matches.push([key, held as JoinRow]);
    }
    return matches;
  }

  #change(make: (value: unknown) => Change<unknown>, result: unknown, timestamp: number): Stamped {
    if (typeof (result as { then?: unknown } | null | undefined)?.then === "function")
      throw promiseReturned(this.#context.operator, "join");
    return { value: make(result), timestamp };
  }

  #pair(side: Side, row: unknown, other: unknown): unknown {
    return side.isLeft ? this.#spec.join(row, other) : this.#spec.join(other, row);
  }

  #alone(isLeft: boolean, row: unknown): unknown {
    return isLeft ? this.#spec.join(row, undefined) : this.#spec.join(undefined, row);
  }
}
