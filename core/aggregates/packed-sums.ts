/**
 * What several aggregates (`several.ts`) keep of many keys, held together: their numbers side by side in one array, their distinct
 * values in sets of one memory (`distinct-sets.ts`). So a key costs no object. As values, in checkpoints, they are as `several.ts`
 * has them.
 */

import type { ValueAggregate } from "../aggregate.ts";
import type { HeldAccumulators } from "../state-backend.ts";
import { compositionOf } from "./combine.ts";
import type { SeenValues } from "./distinct.ts";
import { DistinctSets } from "./distinct-sets.ts";
import type { Sums } from "./several.ts";
import {
  addingLines,
  generated,
  givenToAdd,
  initialNumbers,
  type Layout,
  layoutOf,
  type NamedParts,
  resultOf,
} from "./several-parts.ts";

const SLOTS_MIN = 8;

/** What is done with the accumulators that a pane holds, by slot. */
export interface PackedAggregate {
  readonly hold: () => PackedSums;
  readonly add: (sums: PackedSums, slot: number, value: unknown) => void;
  readonly touch: (sums: PackedSums, slot: number, value: unknown) => number;
  readonly result: (sums: PackedSums, slot: number) => unknown;
}

/** Undefined: its accumulators are not held together. */
export function packedAggregate(aggregate: object): PackedAggregate | undefined {
  const composition = compositionOf(aggregate);
  if (composition?.kind !== "several") return undefined;
  const { parts } = composition;
  const layout = layoutOf(parts.map(([, part]) => part));
  if (layout.sharings.length === 0) return undefined;
  return {
    hold: () => new PackedSums(layout),
    add: adderOf(layout),
    touch: toucherOf(layout),
    result: resultBySlot(parts, layout),
  };
}

export class PackedSums implements HeldAccumulators {
  /** Of columns: those of a slot side by side. */
  numbers: Float64Array;
  /** How many values the distinct counts of a slot have counted. */
  counts: Int32Array;
  readonly sets: readonly DistinctSets[];
  readonly givesCopies: boolean;
  /** By slot the accumulators of all other aggregates; empty where there are none. */
  readonly values: unknown[][] = [];
  /** Of columns, then of distinct counts. */
  readonly #initial: readonly number[];
  readonly #columns: number;
  readonly #others: readonly ValueAggregate<never, unknown, unknown>[];

  constructor(layout: Layout<unknown>) {
    this.#initial = initialNumbers(layout);
    this.#columns = layout.columns.length;
    this.#others = layout.others;
    this.givesCopies = layout.others.length === 0;
    this.numbers = new Float64Array(SLOTS_MIN * this.#columns);
    this.counts = new Int32Array(SLOTS_MIN * (layout.numbers - this.#columns));
    this.sets = layout.sharings.map(() => new DistinctSets());
  }

  /** Nothing has been added to a slot. */
  begin(slot: number): void {
    this.#put(slot, this.#initial);
    for (const set of this.sets) set.clear(slot);
    if (this.#others.length > 0) this.values[slot] = this.#others.map((other) => other.create());
  }

  valueOf(slot: number): Sums {
    const columns = this.#columns;
    const counts = this.#initial.length - columns;
    return {
      numbers: [
        ...this.numbers.subarray(slot * columns, (slot + 1) * columns),
        ...this.counts.subarray(slot * counts, (slot + 1) * counts),
      ],
      seen: this.sets.map((set) => set.seenIn(slot)),
      values: this.values[slot] ?? [],
    };
  }

  setValue(slot: number, value: unknown): void {
    this.begin(slot);
    if (value === undefined) return;
    const { numbers, seen, values } = value as Sums;
    this.#put(slot, numbers);
    // Of each sharing there are some.
    for (const [s, set] of this.sets.entries()) set.put(slot, seen[s] as SeenValues);
    if (this.#others.length > 0) this.values[slot] = values;
  }

  #put(slot: number, numbers: readonly number[]): void {
    const columns = this.#columns;
    const counts = numbers.length - columns;
    if ((slot + 1) * counts > this.counts.length) {
      this.numbers = longer(this.numbers, 2 * slot * columns);
      this.counts = longer(this.counts, 2 * slot * counts);
    }
    for (let c = 0; c < columns; c++) this.numbers[slot * columns + c] = numbers[c] as number;
    for (let c = 0; c < counts; c++) this.counts[slot * counts + c] = numbers[columns + c] as number;
  }
}

function longer<A extends Float64Array | Int32Array>(array: A, length: number): A {
  const copy = new (array.constructor as new (length: number) => A)(length);
  copy.set(array);
  return copy;
}

/** Where generated code finds the number of a slot. */
function placed({ columns }: Layout<unknown>, at: number): string {
  return at < columns.length ? `numbers[at + ${at}]` : `counts[countsAt + ${at - columns.length}]`;
}

/** What it begins with. */
function places({ columns, numbers }: Layout<unknown>): string {
  const at = `at = slot * ${columns.length}, countsAt = slot * ${numbers - columns.length}`;
  return `const { numbers, counts } = sums, ${at};`;
}

function adderOf(layout: Layout<unknown>): PackedAggregate["add"] {
  const lines = addingLines(layout, {
    number: (at) => placed(layout, at),
    mark: (sharing, value, marks) => `sums.sets[${sharing}].mark(slot, ${value}, ${marks})`,
    accumulator: (other) => `values[${other}]`,
  });
  const values = layout.others.length === 0 ? [] : ["const values = sums.values[slot];"];
  return generated(
    "sums, slot, value",
    [places(layout), ...values, "let x, marks;", ...lines],
    givenToAdd(layout),
  ) as PackedAggregate["add"];
}

function toucherOf(layout: Layout<unknown>): PackedAggregate["touch"] {
  const sets = layout.sharings.map((_, s) => `sums.sets[${s}].touch(slot, reads${s}(value))`);
  // Of a slot that is new there is no number yet.
  const sum = [`(counts[countsAt] || 0)`, ...sets];
  const lines = [places(layout), `return ${sum.join(" + ")};`];
  return generated("sums, slot, value", lines, givenToAdd(layout)) as PackedAggregate["touch"];
}

type ResultOfPlaces = (
  numbers: Float64Array,
  at: number,
  counts: Int32Array,
  countsAt: number,
  values: readonly unknown[] | undefined,
) => unknown;

function resultBySlot(parts: NamedParts<unknown>, layout: Layout<unknown>): PackedAggregate["result"] {
  const resultAt = resultOf("numbers, at, counts, countsAt, values", parts, layout, {
    read: (at) => readNumber(layout, at),
    accumulator: (other) => `values[${other}]`,
  }) as unknown as ResultOfPlaces;
  const columns = layout.columns.length;
  const counts = layout.numbers - columns;
  return (sums, slot) => {
    const values = layout.others.length === 0 ? undefined : sums.values[slot];
    return resultAt(sums.numbers, slot * columns, sums.counts, slot * counts, values);
  };
}

/** Sums, which are never -0, as V8 has small integers: as they come from the array each would be an object of its own. */
function readNumber(layout: Layout<unknown>, at: number): string {
  const number = placed(layout, at);
  const op = layout.columns[at]?.op;
  return op === "count" || op === "sum" ? `((${number} | 0) === ${number} ? ${number} | 0 : ${number})` : number;
}
