// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

/** The part of the state backend suite that compares random use, with restarts between, with a model of plain Maps. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeKey, type Key } from "../../core/key.ts";
import { KeyBatch } from "../../core/key-batch.ts";
import { listState, mapState, packed, valueState } from "../../core/state.ts";
import type { KeyedStateBackend, StatePane } from "../../core/state-backend.ts";
import { type BackendFactory, open, restored, sum } from "./state-backend-subject.ts";

export const key: fc.Arbitrary<Key> = fc.constantFrom<Key[]>(
  0,
  1,
  2,
  3.5,
  -1,
  1e12,
  "1",
  "a",
  "b",
  "\0d1",
  1n,
  true,
  new Date(1),
  [1, "a"],
  ["a", 1],
);
export const number = fc.integer({ min: 0, max: 9 });

/** As many as are looked up together; nearly always all of them are whole numbers. */
const keys = fc.oneof(
  { weight: 3, arbitrary: fc.array(fc.integer({ min: -3, max: 40 }), { minLength: 1, maxLength: 12 }) },
  { weight: 1, arbitrary: fc.array(key, { minLength: 1, maxLength: 6 }) },
);

export const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("select" as const), key }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("set" as const, "listAdd" as const, "add" as const), number }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("listSet" as const), numbers: fc.array(number, { maxLength: 3 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("put" as const, "remove" as const), key, number }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("clear" as const), state: fc.constantFrom("value", "list", "map", "sum") }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("count" as const), namespace: number, key, number }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("countMany" as const), namespace: number, keys, number }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("drop" as const), namespace: number }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("restart" as const), parallelism: fc.integer({ min: 1, max: 4 }) }),
  },
);

export type Operation = typeof operation extends fc.Arbitrary<infer O> ? O : never;

interface Entry {
  readonly key: Key;
  value?: number | undefined;
  list?: number[] | undefined;
  map?: Map<string, readonly [Key, number]> | undefined;
  sum?: number | undefined;
}

/** What a backend should hold, in the plainest way. */
export class Model {
  readonly entries = new Map<string, Entry>();
  readonly table = new Map<number, Map<string, number>>();
  #current: Entry = { key: 0 };

  clone(): Model {
    const copy = new Model();
    for (const [encoding, { key: of, value, list, map, sum: total }] of this.entries)
      copy.entries.set(encoding, { key: of, value, list: list?.slice(), map: map && new Map(map), sum: total });
    for (const [namespace, pane] of this.table) copy.table.set(namespace, new Map(pane));
    return copy;
  }

  select(selected: Key): void {
    const encoding = encodeKey(selected, "model");
    this.#current = this.entries.get(encoding) ?? { key: selected };
    this.entries.set(encoding, this.#current);
  }

  apply(step: Operation): void {
    const entry = this.#current;
    switch (step.do) {
      case "select":
        this.select(step.key);
        return;
      case "set":
        entry.value = step.number;
        return;
      case "listAdd":
        entry.list = [...(entry.list ?? []), step.number];
        return;
      case "add":
        entry.sum = (entry.sum ?? 0) + step.number;
        return;
      case "listSet":
        entry.list = step.numbers.length === 0 ? undefined : step.numbers;
        return;
      case "put":
        entry.map ??= new Map();
        entry.map.set(encodeKey(step.key, "model"), [step.key, step.number]);
        return;
      case "remove":
        entry.map?.delete(encodeKey(step.key, "model"));
        if (entry.map?.size === 0) entry.map = undefined;
        return;
      case "clear":
        entry[step.state as "value"] = undefined;
        return;
      case "count": {
        const pane = this.table.get(step.namespace) ?? new Map<string, number>();
        const encoding = encodeKey(step.key, "model");
        this.table.set(step.namespace, pane.set(encoding, (pane.get(encoding) ?? 0) + step.number));
        return;
      }
      case "countMany":
        for (const each of step.keys) this.apply({ ...step, do: "count", key: each });
        return;
      case "drop":
        this.table.delete(step.namespace);
        return;
      case "restart":
        return;
    }
  }
}

/** What a packed list has for each element of the model's. */
interface Row {
  readonly number: number;
  readonly name: string;
}

interface Kept {
  readonly of: { readonly number: number; readonly name: string };
}

const keptOf = (number: number): Kept => ({ of: { number, name: `value ${number}` } });

export const expectedKept = (value: number | undefined): Kept | undefined =>
  value === undefined ? undefined : keptOf(value);

const rowOf = (element: number): Row => ({ number: element, name: `row ${element}` });

/** Rows as text, which is compared in no time. */
export function rowText(rows: readonly Row[]): string {
  return rows.map(({ number: of, name }) => `${of} ${name}`).join();
}

export function expectedRowText(list: readonly number[] = []): string {
  return rowText(list.map(rowOf));
}

export function handlesOf(backend: KeyedStateBackend) {
  return {
    /** The value, within a record that may be packed. */
    record: backend.state("record", packed(valueState<Kept>())),
    /** The list's elements, each as a row, which may be packed. */
    rows: backend.state("rows", packed(listState<Row>())),
    value: backend.state("value", valueState<number>()),
    list: backend.state("list", listState<number>()),
    map: backend.state("map", mapState<Key, number>()),
    sum: backend.state("sum", sum),
    table: backend.table("table", { numbers: 1, values: true }),
    /** The same without values, which captures take in another way. */
    counts: backend.table("counts", { numbers: 1, values: false }),
  };
}

export function apply(step: Operation, backend: KeyedStateBackend): void {
  const { value, record, list, rows, map, sum: total, table, counts } = handlesOf(backend);
  switch (step.do) {
    case "select":
      backend.setCurrentKey(step.key);
      return;
    case "set":
      value.set(step.number);
      record.set(keptOf(step.number));
      return;
    case "listAdd":
      list.add(step.number);
      rows.add(rowOf(step.number));
      return;
    case "add":
      total.add(step.number);
      return;
    case "listSet":
      list.set(step.numbers);
      rows.set(step.numbers.map(rowOf));
      return;
    case "put":
      map.put(step.key, step.number);
      return;
    case "remove":
      map.remove(step.key);
      return;
    case "clear":
      handlesOf(backend)[step.state as "value"].clear();
      if (step.state === "list") rows.clear();
      if (step.state === "value") record.clear();
      return;
    case "count": {
      for (const each of [table, counts]) {
        const pane = each.pane(step.namespace);
        const slot = pane.slotOf(step.key);
        (pane.numbers[0] as Float64Array)[slot]! += step.number;
        if (each === table) pane.values[slot] = (pane.numbers[0] as Float64Array)[slot];
      }
      return;
    }
    case "countMany":
      countMany(table.pane(step.namespace), step.keys, step.number, true);
      countMany(counts.pane(step.namespace), step.keys, step.number, false);
      return;
    case "drop":
      table.drop(step.namespace);
      counts.drop(step.namespace);
      return;
    case "restart":
      return;
  }
}

function countMany(pane: StatePane, counted: readonly Key[], by: number, values: boolean): void {
  const batch = new KeyBatch(counted.length);
  for (const each of counted) batch.add(each);
  const slots = new Int32Array(counted.length);
  if (values) {
    pane.findAll(batch, slots);
    for (const [i, slot] of slots.entries()) countAt(pane, changed(pane, counted[i] as Key, slot), by);
    return;
  }
  pane.slotsOf(batch, slots);
  for (const slot of slots) (pane.numbers[0] as Float64Array)[slot]! += by;
}

/** The slot of a key, to be changed; `found` is its slot as it was before others came, or -1. */
function changed(pane: StatePane, key: Key, found: number): number {
  if (found < 0) return pane.slotOf(key);
  pane.changing(found);
  return found;
}

function countAt(pane: StatePane, slot: number, by: number): void {
  const counts = pane.numbers[0] as Float64Array;
  counts[slot]! += by;
  pane.values[slot] = counts[slot];
}

export function compare(backend: KeyedStateBackend, model: Model): void {
  const { value, record, list, rows, map, sum: total, table, counts: numbers } = handlesOf(backend);
  for (const name of ["value", "list", "map", "sum"] as const) {
    const expected = [...model.entries].filter(([, entry]) => entry[name] !== undefined).map(([encoding]) => encoding);
    expect([...backend.keys(name)].map((each) => encodeKey(each, "op")).sort()).toEqual(expected.sort());
  }
  for (const entry of model.entries.values()) {
    backend.setCurrentKey(entry.key);
    expect([value.get(), list.get(), [...map.entries()], map.size, total.get()]).toEqual([
      entry.value,
      entry.list ?? [],
      [...(entry.map?.values() ?? [])],
      entry.map?.size ?? 0,
      entry.sum,
    ]); // prettier-ignore
    expect(rowText(rows.get())).toBe(expectedRowText(entry.list));
    expect(record.get()).toEqual(expectedKept(entry.value));
  }
  expect(table.namespaces()).toEqual([...model.table.keys()].sort((a, b) => a - b));
  for (const [namespace, counts] of model.table) {
    const pane = table.pane(namespace);
    expect(pane.size).toBe(counts.size);
    for (let slot = 0; slot < pane.size; slot++) {
      const key = pane.keyAt(slot);
      const count = counts.get(encodeKey(key, "op"));
      const other = numbers.pane(namespace);
      expect([pane.numbers[0]?.[slot], pane.values[slot]]).toEqual([count, count]);
      expect([other.size, other.numbers[0]?.[other.find(key)]]).toEqual([counts.size, count]);
    }
  }
}

/** The state of one subtask after a restart with several, and another with one. */
function restart(factory: BackendFactory, backend: KeyedStateBackend, parallelism: number): KeyedStateBackend {
  const snapshot = backend.snapshot();
  backend.close();
  const scaled = Array.from({ length: parallelism }, (_, subtask) =>
    restored(factory, [snapshot], subtask, parallelism),
  );
  return restored(
    factory,
    scaled.map((each) => each.snapshot()),
  );
}

export function randomUseSuite(factory: BackendFactory): void {
  test("any use, restarted and rescaled at any point, gives what plain Maps give", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120, size: "max" }), (steps) => {
        const model = new Model();
        let backend = open(factory);
        let current: Key = 0;
        model.select(current);
        backend.setCurrentKey(current);
        for (const step of steps) {
          if (step.do === "select") current = step.key;
          model.apply(step);
          apply(step, backend);
          if (step.do !== "restart") continue;
          backend = restart(factory, backend, step.parallelism);
          compare(backend, model);
          backend.setCurrentKey(current);
        }
        compare(backend, model);
      }),
      { numRuns: 200 },
    );
  }, 180_000);
}
