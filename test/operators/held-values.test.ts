/** Accumulators of programs, held by their leaves: they are what they would be as objects, however they are changed and restored. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ValueAggregate } from "../../core/aggregate.ts";
import type { OperatorContext } from "../../core/operator.ts";
import type { KeyedStateBackend, StatePane } from "../../core/state-backend.ts";
import { HeldValues, holdingValues, ValueForms } from "../../operators/held-values.ts";
import { type Accumulators, accumulators } from "../../operators/window/accumulators.ts";
import { createMemoryBackend } from "../../runtime/state/memory-backend.ts";
import { driven } from "../conformance/state-backend-captures.ts";

const scalar = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -0, Number.NaN, 2 ** 31, -(2 ** 31), null, undefined, "", "a", 10n, true, false),
  fc.string(),
);
const name = fc.constantFrom("a", "b", "__proto__", "constructor", "0", "ü");
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small" },
    { weight: 4, arbitrary: scalar },
    fc.array(tie("any"), { maxLength: 6 }),
    fc.uniqueArray(fc.tuple(name, tie("any")), { maxLength: 3, selector: ([field]) => field }).map(objectOf),
    fc.constantFrom(new Map([[1, 2]]), new Date(7), new Float64Array(3), Object.create(null)),
  ),
})).any;

function objectOf(fields: readonly (readonly [string, unknown])[]): object {
  const made = {};
  for (const [field, value] of fields)
    Object.defineProperty(made, field, { value, enumerable: true, writable: true, configurable: true });
  return made;
}

/** Few kinds, so that many slots have the same. */
const small = fc.oneof(
  fc.record({ names: fc.array(fc.string(), { maxLength: 3 }), sells: fc.boolean() }),
  fc.record({ n: fc.integer(), mean: fc.double() }),
  fc.record({ best: fc.oneof(fc.constant(null), fc.record({ price: fc.double(), at: fc.integer() })) }),
  fc.array(fc.record({ id: fc.integer() }), { maxLength: 6 }),
  scalar,
);

describe("held values", () => {
  test.each([["of any kind", value] as const, ["of a few forms", small] as const])(
    "%s are read as they were put, whatever stood there",
    (_, of) => {
      fc.assert(
        fc.property(fc.array(fc.tuple(fc.nat(20), of), { maxLength: 80 }), fc.nat(9), (puts, slots) => {
          const forms = new ValueForms();
          const panes = [new HeldValues(forms, slots), new HeldValues(forms, 0)];
          const expected = [new Map<number, unknown>(), new Map<number, unknown>()];
          for (const [at, [slot, put]] of puts.entries()) {
            panes[at % 2]?.setValue(slot, put);
            expected[at % 2]?.set(slot, put);
            for (const [pane, values] of expected.entries())
              for (let each = 0; each < 22; each++) {
                const read = panes[pane]?.valueOf(each);
                // The very same is not compared: a field "constructor" that is NaN makes a thing differ from itself there.
                if (!Object.is(read, values.get(each))) expect(read).toStrictEqual(values.get(each));
              }
          }
        }),
      );
    },
  );

  test("are others each time, so that whoever changes one changes no state", () => {
    const held = new HeldValues(new ValueForms(), 0);
    held.setValue(3, { names: ["Ada"], sells: false });
    (held.valueOf(3) as { names: string[] }).names.push("Bob");
    expect(held.valueOf(3)).toStrictEqual({ names: ["Ada"], sells: false });
  });
});

type Seen = { names: string[]; most: number };

/** The names that have come, and the greatest number, in an object that is made anew. */
const replacing: ValueAggregate<number, Seen, unknown> = {
  create: () => ({ names: [], most: 0 }),
  add: ({ names, most }, number) =>
    number < 0
      ? { names: names.includes(`${number}`) ? names : [...names, `${number}`], most }
      : { names, most: Math.max(most, number) },
  merge: (into) => into,
  result: (seen) => seen,
};

/** The same in one that is changed. */
const changing: ValueAggregate<number, Seen, unknown> = {
  ...replacing,
  add: (seen, number) => {
    if (number >= 0) seen.most = Math.max(seen.most, number);
    else if (!seen.names.includes(`${number}`)) seen.names.push(`${number}`);
    return seen;
  },
};

/** The greatest number in a record within an object that is changed. */
const withRecord: ValueAggregate<number, { best: { number: number }[] }, unknown> = {
  create: () => ({ best: [] }),
  add: (held, number) => {
    if (held.best[0] === undefined || number > held.best[0].number) held.best[0] = { number };
    return held;
  },
  merge: (into) => into,
  result: ({ best }) => best[0]?.number,
};

const context = { operator: "op", failure: (error: unknown) => error } as unknown as OperatorContext;

function open(): KeyedStateBackend {
  return createMemoryBackend({ operator: "op", keyGroups: { first: 0, last: 127 }, keyGroupCount: 128 });
}

/** A window's accumulators beside those by hand, of some keys in a pane. */
class Subject {
  readonly #aggregate: ValueAggregate<unknown, unknown, unknown>;
  readonly #all = new Map<number, unknown[]>();
  #backend = open();
  #opened: { readonly its: Accumulators; readonly pane: StatePane };

  constructor(aggregate: ValueAggregate<never, never, unknown>) {
    this.#aggregate = aggregate as unknown as ValueAggregate<unknown, unknown, unknown>;
    this.#opened = this.#open();
  }

  get pane(): StatePane {
    return this.#opened.pane;
  }

  #open(): { readonly its: Accumulators; readonly pane: StatePane } {
    const its = accumulators(this.#aggregate, context);
    return { its, pane: this.#backend.table("panes", holdingValues(its.table, this.#aggregate)).pane(0) };
  }

  add(key: number, number: number): void {
    const { its, pane } = this.#opened;
    const { size } = pane;
    const slot = pane.slotOf(key);
    its.add(pane, Int32Array.of(slot), 1, size, [number]);
    this.#all.set(key, [...(this.#all.get(key) ?? []), number]);
  }

  restore(by: "snapshot" | "capture"): void {
    const copy = open();
    if (by === "snapshot") copy.restore(this.#backend.snapshot());
    else for (const block of driven(this.#backend.capture(1))) copy.restoreBlock(block, "a block");
    this.#backend = copy;
    this.#opened = this.#open();
  }

  check(): void {
    const { its, pane } = this.#opened;
    const { create, add, result } = this.#aggregate;
    for (const [key, numbers] of this.#all)
      expect(its.resultAt(pane, pane.find(key))).toStrictEqual(result(numbers.reduce(add, create())));
  }
}

const aggregates = { replacing, changing, withRecord };

describe.each(Object.keys(aggregates) as (keyof typeof aggregates)[])("an aggregate that is %s", (kind) => {
  const step = fc.oneof(
    { weight: 30, arbitrary: fc.tuple(fc.nat(70), fc.integer({ min: -6, max: 30 })) },
    { weight: 1, arbitrary: fc.constantFrom("snapshot" as const, "capture" as const) },
  );

  test("gives what it gives of all records, whatever is restored", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
        const subject = new Subject(aggregates[kind] as never);
        for (const each of steps) {
          if (typeof each === "string") subject.restore(each);
          else subject.add(...each);
        }
        subject.check();
      }),
      { numRuns: 40 },
    );
  });
});

test.each([
  ["is replaced", replacing, true],
  ["is changed in place", changing, false],
  ["is changed in place, with a record in it", withRecord, true],
] as const)("what %s is held by its leaves: %#", (_, aggregate, isHeld) => {
  const subject = new Subject(aggregate as never);
  for (let key = 0; key < 500; key++) for (const number of [-1, key, key + 1]) subject.add(key, number);
  subject.check();
  expect(subject.pane.held !== undefined).toBe(isHeld);
});
