/**
 * What several aggregates (`several.ts`) keep of many keys, held together: their numbers side by side in one array, their distinct
 * values in sets of one memory (`distinct-sets.ts`). So a key costs no object. As values, in checkpoints, they are as `several.ts`
 * has them.
 */

import type { ValueAggregate } from "../aggregate.ts";
import type { HeldAccumulators } from "../state-backend.ts";
import { compositionOf } from "./combine.ts";
import { eachSeen, mark, nothingSeen, type SeenValues } from "./distinct.ts";
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
  /** Whether nothing but numbers and distinct values is kept. */
  readonly areNumbers: boolean;
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
    areNumbers: layout.others.length === 0,
    add: adderOf(layout),
    touch: toucherOf(layout),
    result: resultBySlot(parts, layout),
  };
}

export class PackedSums implements HeldAccumulators {
  numbers: Float64Array;
  readonly sets: readonly DistinctSets[];
  /** By slot the accumulators of all other aggregates; empty where there are none. */
  readonly values: unknown[][] = [];
  readonly #initial: readonly number[];
  readonly #others: readonly ValueAggregate<never, unknown, unknown>[];

  constructor(layout: Layout<unknown>) {
    this.#initial = initialNumbers(layout);
    this.#others = layout.others;
    this.numbers = new Float64Array(SLOTS_MIN * this.#initial.length);
    this.sets = layout.sharings.map(({ counts }) => new DistinctSets(counts.length));
  }

  /** Nothing has been added to a slot. */
  begin(slot: number): void {
    this.#put(slot, this.#initial);
    for (const set of this.sets) set.clear(slot);
    if (this.#others.length > 0) this.values[slot] = this.#others.map((other) => other.create());
  }

  valueOf(slot: number): Sums {
    const from = slot * this.#initial.length;
    return {
      numbers: Array.from(this.numbers.subarray(from, from + this.#initial.length)),
      seen: this.sets.map((set) => {
        const seen = nothingSeen();
        set.each(slot, (value, marks) => mark(seen, value, marks));
        return seen;
      }),
      values: this.values[slot] ?? [],
    };
  }

  setValue(slot: number, value: unknown): void {
    this.begin(slot);
    if (value === undefined) return;
    const { numbers, seen, values } = value as Sums;
    this.#put(slot, numbers);
    for (const [s, set] of this.sets.entries()) {
      const its = seen[s] as SeenValues; // of each sharing there are some
      set.reserve(slot, its.used);
      eachSeen(its, (each, marks) => set.mark(slot, each, marks));
    }
    if (this.#others.length > 0) this.values[slot] = values;
  }

  #put(slot: number, numbers: readonly number[]): void {
    const at = slot * this.#initial.length;
    if (at >= this.numbers.length) {
      const longer = new Float64Array(2 * Math.max(at, this.numbers.length));
      longer.set(this.numbers);
      this.numbers = longer;
    }
    this.numbers.set(numbers, at);
  }
}

function adderOf(layout: Layout<unknown>): PackedAggregate["add"] {
  const lines = addingLines(layout, {
    number: (at) => `numbers[at + ${at}]`,
    mark: (sharing, value, marks) => `sums.sets[${sharing}].mark(slot, ${value}, ${marks})`,
    accumulator: (other) => `values[${other}]`,
  });
  const first = `const { numbers } = sums, at = slot * ${layout.numbers};`;
  const values = layout.others.length === 0 ? [] : ["const values = sums.values[slot];"];
  return generated(
    "sums, slot, value",
    [first, ...values, "let x, marks;", ...lines],
    givenToAdd(layout),
  ) as PackedAggregate["add"];
}

function toucherOf(layout: Layout<unknown>): PackedAggregate["touch"] {
  const sets = layout.sharings.map((_, s) => `sums.sets[${s}].touch(slot, reads${s}(value))`);
  // Of a slot that is new there is no number yet.
  const sum = [`(sums.numbers[slot * ${layout.numbers}] || 0)`, ...sets];
  return generated("sums, slot, value", [`return ${sum.join(" + ")};`], givenToAdd(layout)) as PackedAggregate["touch"];
}

/** Counts as V8 has small integers: as they come from the array each would be an object of its own. */
function resultBySlot(parts: NamedParts<unknown>, layout: Layout<unknown>): PackedAggregate["result"] {
  const inner = resultOf("numbers, at, values", parts, layout, {
    read: (at, isCount) => {
      const number = `numbers[at + ${at}]`;
      return isCount ? `((${number} | 0) === ${number} ? ${number} | 0 : ${number})` : number;
    },
    accumulator: (other) => `values[${other}]`,
  }) as unknown as (numbers: Float64Array, at: number, values: readonly unknown[] | undefined) => unknown;
  const stride = layout.numbers;
  if (layout.others.length === 0) return (sums, slot) => inner(sums.numbers, slot * stride, undefined);
  return (sums, slot) => inner(sums.numbers, slot * stride, sums.values[slot]);
}
