/** The part of the state backend suite that is about accumulators which a pane holds together, held to lists of all records. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OperatorContext } from "../../core/operator.ts";
import type { KeyedStateBackend, StatePane } from "../../core/state-backend.ts";
import { aggregates, counting, countingDistinct, filtered, maximum, topN } from "../../index.ts";
import { heldAccumulators } from "../../operators/held-accumulators.ts";
import type { Accumulators } from "../../operators/window/accumulators.ts";
import { driven } from "./state-backend-captures.ts";
import { type BackendFactory, drivenAmidChanges, open, restored } from "./state-backend-subject.ts";

interface Visit {
  readonly page: unknown;
  readonly ms: number;
}

const isLong = ({ ms }: Visit): boolean => ms > 5;

const numbers = {
  visits: counting<Visit>(),
  longest: maximum<Visit>("ms"),
  pages: countingDistinct<Visit>(({ page }) => page as string),
  longPages: filtered(
    isLong,
    countingDistinct<Visit>(({ page }) => page as string),
  ),
  times: countingDistinct<Visit>("ms"),
  longTimes: filtered(isLong, countingDistinct<Visit>("ms")),
};

const aggregatesOf = {
  numbers: aggregates<Visit, Record<string, unknown>>(numbers),
  "numbers and values": aggregates<Visit, Record<string, unknown>>({
    ...numbers,
    top: topN<Visit>({ n: 1, by: "ms" }),
  }),
};

type Kind = keyof typeof aggregatesOf;

const context = { operator: "op", failure: (error: unknown) => error } as unknown as OperatorContext;

const accumulatorsOf = (kind: Kind): Accumulators => heldAccumulators(aggregatesOf[kind] as never, context);

function paneOf(backend: KeyedStateBackend, { table }: Accumulators): StatePane {
  return backend.table("held", table).pane(0);
}

function add(pane: StatePane, { addOne }: Accumulators, key: number, visit: Visit): void {
  const { size } = pane;
  const slot = pane.slotOf(key);
  addOne(pane, slot, slot === size, visit);
}

function resultOf(pane: StatePane, { resultAt }: Accumulators, key: number): unknown {
  const slot = pane.find(key);
  if (slot < 0) return undefined;
  pane.reading(slot);
  return resultAt(pane, slot);
}

function expected(kind: Kind, visits: readonly Visit[]): unknown {
  if (visits.length === 0) return undefined;
  const long = visits.filter(isLong);
  const times = visits.map(({ ms }) => ms);
  const pages = (of: readonly Visit[]) => new Set(of.map(({ page }) => page)).size;
  return {
    ...{ visits: visits.length, longest: Math.max(...times), pages: pages(visits), longPages: pages(long) },
    ...{ times: new Set(times).size, longTimes: new Set(long.map(({ ms }) => ms)).size },
    ...(kind === "numbers" ? {} : { top: [visits.find(({ ms }) => ms === Math.max(...times))] }),
  };
}

const KEYS = 7;

const operation = fc.oneof(
  {
    weight: 15,
    arbitrary: fc.record({
      ...{ do: fc.constant("add" as const), key: fc.nat(KEYS - 1), ms: fc.integer({ min: -9, max: 60 }) },
      page: fc.oneof(fc.integer({ min: -40, max: 40 }), fc.constantFrom("a", "1", 0.5, 2 ** 31, -(2 ** 31))),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("restore" as const), by: fc.constantFrom("snapshot", "capture") }),
  },
);

export function heldSuite(factory: BackendFactory): void {
  describe.each(Object.keys(aggregatesOf) as Kind[])("%s", (kind) => {
    test("whatever is added and restored, results are those of all records", () => {
      fc.assert(
        fc.property(fc.array(operation, { maxLength: 250, size: "max" }), (operations) => {
          let backend = open(factory);
          const all = new Map<number, Visit[]>();
          const accumulators = accumulatorsOf(kind);
          for (const each of operations) {
            if (each.do === "add") {
              const visit = { page: each.page, ms: each.ms };
              all.set(each.key, [...(all.get(each.key) ?? []), visit]);
              const pane = paneOf(backend, accumulators);
              add(pane, accumulators, each.key, visit);
              expect(resultOf(pane, accumulators, each.key)).toEqual(expected(kind, all.get(each.key) ?? []));
            } else if (each.by === "snapshot") backend = restored(factory, [backend.snapshot()]);
            else {
              const copy = open(factory);
              for (const block of driven(backend.capture(1))) copy.restoreBlock(block, "a block");
              backend = copy;
            }
          }
          const pane = paneOf(backend, accumulators);
          for (let key = 0; key < KEYS; key++)
            expect(resultOf(pane, accumulators, key)).toEqual(expected(kind, all.get(key) ?? []));
        }),
        { numRuns: 60 },
      );
    });

    test("they are saved as the values that they would be by themselves", () => {
      const accumulators = accumulatorsOf(kind);
      const [held, plain] = [open(factory), open(factory)];
      const aggregate = aggregatesOf[kind];
      if (aggregate.columns !== undefined) throw new Error("distinct counts are no columns");
      const visits = Array.from({ length: 90 }, (_, i) => ({
        page: i % 4 === 0 ? `page ${i % 7}` : i % 31,
        ms: i % 13,
      }));
      const values = plain.table("held", { numbers: 0, values: true }).pane(0);
      values.values[values.slotOf(3)] = visits.reduce(aggregate.add, aggregate.create());
      for (const visit of visits) add(paneOf(held, accumulators), accumulators, 3, visit);

      const fromPlain = restored(factory, [plain.snapshot()]);
      const read = resultOf(paneOf(fromPlain, accumulators), accumulators, 3);
      expect(read).toEqual(expected(kind, visits));
      const fromHeld = restored(factory, [held.snapshot()]).table("held", { numbers: 0, values: true }).pane(0);
      const value = fromHeld.values[fromHeld.find(3)];
      expect(aggregate.result(value)).toEqual(read);
      expect(aggregate.result(visits.reduce(aggregate.add, value))).toEqual(expected(kind, [...visits, ...visits]));
    });

    test("what is added while a capture is driven is not in it, but in the next one", () => {
      const keys = 3000;
      const accumulators = accumulatorsOf(kind);
      const backend = open(factory);
      const pane = paneOf(backend, accumulators);
      for (let key = 0; key < keys; key++) add(pane, accumulators, key, { page: key, ms: 1 });
      const capture = backend.capture(1);
      const { blocks, changed } = drivenAmidChanges(capture, keys, (key) => {
        add(pane, accumulators, key, { page: "other", ms: 9 });
      });
      expect(changed.size).toBeGreaterThan(2);
      backend.confirm(1);
      const later = driven(backend.capture(2));
      const [copy, next] = [open(factory), open(factory)];
      for (const block of blocks) copy.restoreBlock(block, "a block");
      for (const block of [...blocks, ...later]) next.restoreBlock(block, "a block");
      for (let key = 0; key < keys; key++) {
        const first = [{ page: key, ms: 1 }];
        const all = changed.has(key) ? [...first, { page: "other", ms: 9 }] : first;
        expect(resultOf(paneOf(copy, accumulators), accumulators, key)).toEqual(expected(kind, first));
        expect(resultOf(paneOf(next, accumulators), accumulators, key)).toEqual(expected(kind, all));
      }
    });

    test("many values that lie densely are saved as they were at the barrier, and restored", () => {
      const accumulators = accumulatorsOf(kind);
      const visitsFrom = (from: number) =>
        Array.from({ length: 2000 }, (_, i) => ({ page: i % 50 === 0 ? `page ${i}` : from + 2 * i, ms: i % 700 }));
      const [first, second] = [visitsFrom(-900), visitsFrom(1001)];
      let backend = open(factory);
      for (const visit of first) add(paneOf(backend, accumulators), accumulators, 3, visit);
      const capture = backend.capture(1);
      for (const visit of second) add(paneOf(backend, accumulators), accumulators, 3, visit);
      const copy = open(factory);
      for (const block of driven(capture)) copy.restoreBlock(block, "a block");
      const all = [...first, ...second];
      expect(resultOf(paneOf(backend, accumulators), accumulators, 3)).toEqual(expected(kind, all));
      backend = restored(factory, [copy.snapshot()]);
      expect(resultOf(paneOf(backend, accumulators), accumulators, 3)).toEqual(expected(kind, first));
      for (const visit of second) add(paneOf(backend, accumulators), accumulators, 3, visit);
      expect(resultOf(paneOf(backend, accumulators), accumulators, 3)).toEqual(expected(kind, all));
    });

    test("they move with their key groups", () => {
      const accumulators = accumulatorsOf(kind);
      const backend = open(factory);
      const visitsOf = (key: number) => Array.from({ length: key }, (_, i) => ({ page: i, ms: i % 11 }));
      for (let key = 1; key < 50; key++)
        for (const visit of visitsOf(key)) add(paneOf(backend, accumulators), accumulators, key, visit);
      const parts = [0, 1, 2].map((subtask) => restored(factory, [backend.snapshot()], subtask, 3));
      expect(parts.every((part) => paneOf(part, accumulators).size < 49)).toBe(true);
      const whole = restored(
        factory,
        parts.map((part) => part.snapshot()),
      );
      for (let key = 1; key < 50; key++)
        expect(resultOf(paneOf(whole, accumulators), accumulators, key)).toEqual(expected(kind, visitsOf(key)));
    });
  });
}
