/** The part of the state backend suite that is about the rows of tables (`core/pane-rows.ts`), held to plain arrays of them. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PaneRows, RowsKind } from "../../core/pane-rows.ts";
import type { KeyedStateBackend, StatePane, StateTable } from "../../core/state-backend.ts";
import { driven } from "./state-backend-captures.ts";
import { type BackendFactory, drivenAmidChanges, KEY_GROUPS, open, restored } from "./state-backend-subject.ts";

interface Row {
  readonly time: number;
  readonly row: unknown;
  isMarked: boolean;
}

const everywhere = [0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const;

function tableOf(backend: KeyedStateBackend, kind: RowsKind = "marked"): StateTable {
  return backend.table("rows", { numbers: 0, values: true, rows: kind });
}

function rowsOf(pane: StatePane): PaneRows {
  return pane.rows as PaneRows;
}

function add(pane: StatePane, key: number, { time, row, isMarked }: Row): void {
  rowsOf(pane).add(pane.slotOf(key), time, row, isMarked);
}

/** What is found of a key, within bounds of time. */
function found(pane: StatePane | undefined, key: number, base = 0, from = -Infinity, to = Infinity): readonly Row[] {
  const slot = pane?.find(key) ?? -1;
  if (pane === undefined || slot < 0) return [];
  pane.reading(slot);
  const rows = rowsOf(pane);
  const count = rows.find(slot, base, from, to);
  return Array.from(rows.found.slice(0, count), (place) => ({
    time: rows.timeAt(slot, place),
    row: rows.rowAt(slot, place),
    isMarked: rows.isMarked(slot, place),
  }));
}

function mark(pane: StatePane, key: number, at: number): void {
  const slot = pane.slotOf(key);
  const rows = rowsOf(pane);
  rows.find(slot, ...everywhere);
  rows.mark(slot, rows.found[at] as number);
}

const numbers = fc.record({ a: fc.oneof(fc.double(), fc.integer(), fc.constant(-0)), b: fc.integer() });
const records = fc.oneof(
  { weight: 6, arbitrary: numbers },
  { weight: 1, arbitrary: numbers.map(({ a, b }) => ({ b, a })) },
  { weight: 1, arbitrary: numbers.map((all) => ({ ...all, c: 1 })) },
  { weight: 1, arbitrary: fc.record({ a: fc.string(), b: fc.integer() }) },
  { weight: 1, arbitrary: fc.record({ a: fc.integer() }) },
  {
    weight: 1,
    arbitrary: fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.constant(undefined), fc.array(fc.nat())),
  },
);
const key = fc.nat(6);
const namespace = fc.nat(1);
const operation = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      ...{ do: fc.constant("add" as const), key, namespace, row: records, isMarked: fc.boolean() },
      time: fc.oneof(fc.integer({ min: -20, max: 20 }), fc.constant(2 ** 40), fc.constant(0.5)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("mark" as const), key, namespace, at: fc.nat() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      ...{ do: fc.constant("find" as const), key, namespace, base: fc.integer({ min: -9, max: 9 }) },
      ...{ from: fc.integer({ min: -25, max: 25 }), length: fc.nat(30) },
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("drop" as const), namespace }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("restore" as const), by: fc.constantFrom("snapshot", "capture") }),
  },
);

export function rowsSuite(factory: BackendFactory): void {
  test("whatever is added, marked, dropped and restored, what is found is what plain arrays have", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
        let backend = open(factory);
        const model = new Map<string, Row[]>();
        const of = (namespace: number, key: number): Row[] => model.get(`${namespace} ${key}`) ?? [];
        for (const each of operations) {
          const table = tableOf(backend);
          if (each.do === "add") {
            const row: Row = { time: each.time, row: each.row, isMarked: each.isMarked };
            model.set(`${each.namespace} ${each.key}`, [...of(each.namespace, each.key), { ...row }]);
            add(table.pane(each.namespace), each.key, row);
          } else if (each.do === "mark") {
            const rows = of(each.namespace, each.key);
            if (rows.length === 0) continue;
            (rows[each.at % rows.length] as Row).isMarked = true;
            mark(table.pane(each.namespace), each.key, each.at % rows.length);
          } else if (each.do === "find") {
            const { base, from, length } = each;
            const to = from + length;
            const expected = of(each.namespace, each.key).filter(
              ({ time }) => time + base >= from && time + base <= to,
            );
            expect(found(table.find(each.namespace), each.key, base, from, to)).toEqual(expected);
          } else if (each.do === "drop") {
            table.drop(each.namespace);
            for (let key = 0; key <= 6; key++) model.delete(`${each.namespace} ${key}`);
          } else if (each.by === "snapshot") backend = restored(factory, [backend.snapshot()]);
          else {
            const copy = open(factory);
            for (const block of driven(backend.capture(1))) copy.restoreBlock(block, "a block");
            backend = copy;
          }
        }
        for (let namespace = 0; namespace < 2; namespace++)
          for (let key = 0; key <= 6; key++)
            expect(found(tableOf(backend).find(namespace), key)).toEqual(of(namespace, key));
      }),
      { numRuns: 150 },
    );
  });

  describe("rows are saved as values", () => {
    const values = [
      [5, { a: 1, b: -0.5 }, 0, 3, { a: -0, b: Number.NaN }, 1, 7, "text", 0],
      [1, { a: 2, b: 2 }, 1],
      undefined,
    ];

    test("and values that are such rows are restored as rows", () => {
      const backend = open(factory);
      const pane = backend.table("rows", { numbers: 0, values: true }).pane(4);
      for (const [key, value] of values.entries()) pane.values[pane.slotOf(key)] = value;
      const copy = tableOf(restored(factory, [backend.snapshot()])).pane(4);
      expect(found(copy, 0)).toEqual([
        { time: 5, row: { a: 1, b: -0.5 }, isMarked: false },
        { time: 3, row: { a: -0, b: Number.NaN }, isMarked: true },
        { time: 7, row: "text", isMarked: false },
      ]);
      expect(found(copy, 1)).toEqual([{ time: 1, row: { a: 2, b: 2 }, isMarked: true }]);
      expect(found(copy, 2)).toEqual([]);
      add(copy, 2, { time: 9, row: { a: 3, b: 3 }, isMarked: false });
      expect(found(copy, 2)).toEqual([{ time: 9, row: { a: 3, b: 3 }, isMarked: false }]);
    });

    test("and rows that were never declared after a restart are values", () => {
      const backend = open(factory);
      const pane = tableOf(backend).pane(4);
      for (const [key, value] of values.entries()) {
        pane.slotOf(key);
        for (let at = 0; at < (value?.length ?? 0); at += 3)
          add(pane, key, { time: value?.[at] as number, row: value?.[at + 1], isMarked: value?.[at + 2] === 1 });
      }
      const copy = restored(factory, [backend.snapshot()]).table("rows", { numbers: 0, values: true }).pane(4);
      expect(values.map((_, key) => copy.values[copy.find(key)])).toEqual(values);
    });

    test("without marks where rows have none", () => {
      const backend = open(factory);
      const pane = tableOf(backend, "plain").pane(4);
      for (const time of [2, 1]) add(pane, 0, { time, row: { a: time }, isMarked: false });
      const copy = restored(factory, [backend.snapshot()]).table("rows", { numbers: 0, values: true }).pane(4);
      expect(copy.values[copy.find(0)]).toEqual([2, { a: 2 }, 1, { a: 1 }]);
    });
  });

  test("what is added and marked while a capture is driven is not in it, but in the next one", () => {
    const keys = 3000;
    const backend = open(factory);
    const pane = tableOf(backend).pane(0);
    const first = (key: number): Row => ({ time: 1, row: { key, more: 0 }, isMarked: false });
    const second = (key: number): Row => ({ time: 0, row: { key, more: 1 }, isMarked: true });
    for (let key = 0; key < keys; key++) add(pane, key, first(key));
    const capture = backend.capture(1);
    const { blocks, changed } = drivenAmidChanges(capture, keys, (key) => {
      mark(pane, key, 0);
      add(pane, key, second(key));
    });
    expect(changed.size).toBeGreaterThan(2);
    backend.confirm(1);
    const copy = open(factory);
    for (const block of blocks) copy.restoreBlock(block, "a block");
    const later = driven(backend.capture(2));
    const next = open(factory);
    for (const block of [...blocks, ...later]) next.restoreBlock(block, "a block");
    for (let key = 0; key < keys; key++) {
      expect(found(tableOf(copy).pane(0), key)).toEqual([first(key)]);
      const expected = changed.has(key) ? [{ ...first(key), isMarked: true }, second(key)] : [first(key)];
      expect(found(tableOf(next).pane(0), key)).toEqual(expected);
    }
  });

  test("what was found stays found, whatever is captured meanwhile", () => {
    const backend = open(factory);
    const pane = tableOf(backend).pane(0);
    for (let key = 0; key < 2; key++)
      for (let time = 0; time < 6; time++) add(pane, key, { time, row: { key, time }, isMarked: false });
    const capture = backend.capture(1);
    const slot = pane.find(0);
    const rows = rowsOf(pane);
    expect(rows.find(slot, 0, 2, 3)).toBe(2);
    const found = [...rows.found.slice(0, 2)];
    pane.changing(slot); // the capture takes it as it is
    expect([...rows.found.slice(0, 2)]).toEqual(found);
    driven(capture);
    backend.snapshot();
    expect([...rows.found.slice(0, 2)]).toEqual(found);
    pane.reading(slot);
    expect(found.map((place) => rows.timeAt(slot, place))).toEqual([2, 3]);
  });

  test("rows move with their key groups", () => {
    const backend = open(factory);
    for (let key = 0; key < 50; key++)
      for (let time = 0; time < 3; time++)
        add(tableOf(backend).pane(0), key, { time, row: { key, time }, isMarked: false });
    const parts = [0, 1, 2].map((subtask) => restored(factory, [backend.snapshot()], subtask, 3));
    const whole = restored(
      factory,
      parts.map((part) => part.snapshot()),
    );
    expect(parts.map((part) => tableOf(part).pane(0).size).every((size) => size > 0 && size < 50)).toBe(true);
    for (let key = 0; key < 50; key++)
      expect(found(tableOf(whole).pane(0), key).map(({ row }) => row)).toEqual([
        { key, time: 0 },
        { key, time: 1 },
        { key, time: 2 },
      ]);
    expect(KEY_GROUPS).toBeGreaterThan(3);
  });
}
