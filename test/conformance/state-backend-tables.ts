// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

/** The part of the state backend suite that is about tables. */

import { expect, test } from "vitest";
import type { Key } from "../../core/key.ts";
import { KeyBatch } from "../../core/key-batch.ts";
import type { StateTable } from "../../core/state-backend.ts";
import { type BackendFactory, KEY_GROUPS, misuse, open, restored } from "./state-backend-subject.ts";

/** Every row as [namespace, key, numbers…, value]. */
export function rowsOf(table: StateTable): unknown[][] {
  const rows: unknown[][] = [];
  for (const namespace of table.namespaces()) {
    const pane = table.pane(namespace);
    for (let slot = 0; slot < pane.size; slot++) {
      rows.push([
        namespace,
        pane.keyAt(slot),
        ...pane.numbers.map((column) => column[slot * pane.stride]),
        pane.values[slot],
      ]);
    }
  }
  return rows;
}

export function tableSuite(factory: BackendFactory): void {
  test("slots are dense, in order of insertion, and start at zero and undefined", () => {
    const pane = open(factory).table("t", { numbers: 2, values: true }).pane(0);
    const keys: readonly Key[] = ["b", 2, "a", 2n, [1, 2], 1];
    expect(keys.map((key) => pane.slotOf(key))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(keys.map((key) => pane.slotOf(key))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(keys.map((key) => pane.find(key))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(keys.map((_, slot) => pane.keyAt(slot))).toEqual(keys);
    expect(pane.find("absent")).toBe(-1);
    expect(pane.size).toBe(6);
    expect(pane.stride).toBe(2);
    expect(keys.map((_, slot) => pane.numbers.map((column) => column[slot * pane.stride]))).toEqual(
      keys.map(() => [0, 0]),
    );
    expect(pane.values).toEqual(new Array(6).fill(undefined));
  });

  test("a key that is appended without a search is found by each, and saved", () => {
    const backend = open(factory);
    const pane = backend.table("t", { numbers: 1, values: true }).pane(0);
    const keys: readonly Key[] = [7, "b", -0, 2 ** 40, 3, [1, 2], -5];
    expect(keys.map((key) => pane.append(key))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect([pane.size, pane.keyAt(2), pane.find(8), pane.find("c")]).toEqual([7, 0, -1, -1]);
    expect(keys.map((key) => pane.find(key))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect([pane.append(9), pane.slotOf(10), pane.slotOf(9), pane.append(11), pane.slotOf(7)]).toEqual([7, 8, 7, 9, 0]);
    const batch = new KeyBatch(3);
    for (const key of [11, 12, 9]) batch.add(key);
    const slots = new Int32Array(3);
    pane.findAll(batch, slots);
    expect([...slots]).toEqual([9, -1, 7]);
    for (let slot = 0; slot < pane.size; slot++) pane.values[slot] = slot;
    const copy = restored(factory, [backend.snapshot()]).table("t", { numbers: 1, values: true }).pane(0);
    expect(copy.size).toBe(10);
    for (let slot = 0; slot < pane.size; slot++) expect(copy.values[copy.find(pane.keyAt(slot))]).toBe(slot);
  });

  test("the slots of many keys are those of each in turn, also of those that come twice", () => {
    const pane = open(factory).table("t", { numbers: 1, values: true }).pane(0);
    const slotsOf = (...keys: readonly Key[]): number[] => {
      const batch = new KeyBatch(keys.length);
      for (const key of keys) batch.add(key);
      const slots = new Int32Array(keys.length);
      pane.slotsOf(batch, slots);
      return [...slots];
    };
    expect(slotsOf(7, 0, 7, -1, 0)).toEqual([0, 1, 0, 2, 1]);
    expect(slotsOf(2 ** 31 - 1, 7, "7", 2 ** 31, 0.5, "7", 7)).toEqual([3, 0, 4, 5, 6, 4, 0]);
    expect(slotsOf(-0, 8)).toEqual([1, 7]);
    expect(Array.from({ length: pane.size }, (_, slot) => pane.keyAt(slot))).toEqual([
      7,
      0,
      -1,
      2 ** 31 - 1,
      "7",
      2 ** 31,
      0.5,
      8,
    ]);
    expect(() => slotsOf(9, Number.NaN, 10)).toThrow(expect.objectContaining({ code: "BAD_KEY" }));
    expect([pane.size, pane.find(9), pane.find(10)]).toEqual([9, 8, -1]);
  });

  test("the keys of many slots are those of each, and changing them changes none", () => {
    const pane = open(factory).table("t", { numbers: 1, values: false }).pane(0);
    const keys: readonly Key[] = [7, "b", 2 ** 40, [1, 2], ["a", 3], [1, 2, 3], true, new Date(5)];
    for (const key of keys) pane.slotOf(key);
    const into: Key[] = [];
    const slots = Int32Array.of(0, 7, 6, 5, 4, 3, 2, 1, 0, 0);
    pane.keysAt(slots, 1, 8, into);
    expect(into).toEqual(keys.toReversed());
    (into[4] as number[])[0] = 9;
    (into[0] as Date).setTime(9);
    pane.keysAt(slots, 1, 8, into);
    expect(into).toEqual(keys.toReversed());
  });

  test("many keys are found, and those that are absent are not made", () => {
    const pane = open(factory).table("t", { numbers: 1, values: true }).pane(0);
    for (const key of [7, -1, "7", 0.5]) pane.slotOf(key);
    const found = (...keys: readonly Key[]): number[] => {
      const batch = new KeyBatch(keys.length);
      for (const key of keys) batch.add(key);
      const slots = new Int32Array(keys.length);
      pane.findAll(batch, slots);
      return [...slots];
    };
    expect(found(-1, 7, 8, 7)).toEqual([1, 0, -1, 0]);
    expect(found(8, "7", 0.5, "8", -1)).toEqual([-1, 2, 3, -1, 1]);
    expect(() => found(7, Number.NaN)).toThrow(expect.objectContaining({ code: "BAD_KEY" }));
    expect(pane.size).toBe(4);
  });

  test("columns keep their numbers while they grow", () => {
    const pane = open(factory).table("t", { numbers: 1, values: true }).pane(0);
    for (let key = 0; key < 5000; key++) {
      const slot = pane.slotOf(key * 31);
      (pane.numbers[0] as Float64Array)[slot]! += key;
      pane.values[slot] = { key };
    }
    for (let key = 0; key < 5000; key++) {
      pane.reading(key); // slots are in order of insertion
      expect([pane.numbers[0]?.[key], pane.values[key]]).toEqual([key, { key }]);
      expect(pane.find(key * 31)).toBe(key);
    }
  });

  test("the same key in two namespaces is two entries", () => {
    const table = open(factory).table("t", { numbers: 1, values: false });
    for (const [namespace, count] of [
      [10, 1],
      [20, 2],
    ] as const) {
      const pane = table.pane(namespace);
      const slot = pane.slotOf("a");
      (pane.numbers[0] as Float64Array)[slot] = count;
    }
    expect(rowsOf(table)).toEqual([
      [10, "a", 1, undefined],
      [20, "a", 2, undefined],
    ]);
  });

  test("namespaces are listed in ascending order, and dropping one forgets its entries", () => {
    const table = open(factory).table("t", { numbers: 0, values: true });
    for (const namespace of [30, -5, 200, 0, Number.POSITIVE_INFINITY, 0.5]) table.pane(namespace).slotOf("a");
    expect(table.namespaces()).toEqual([-5, 0, 0.5, 30, 200, Number.POSITIVE_INFINITY]);
    for (const namespace of table.namespaces()) if (namespace < 100) table.drop(namespace);
    expect(table.namespaces()).toEqual([200, Number.POSITIVE_INFINITY]);
    table.drop(77);
    expect(table.find(30)).toBe(undefined);
    expect(table.pane(30).size).toBe(0);
    expect(table.find(30)).toBe(table.pane(30));
  });

  test("the same name gives the same table, and only with the same columns", () => {
    const backend = open(factory);
    const table = backend.table("t", { numbers: 1, values: false });
    expect(backend.table("t", { numbers: 1, values: false, keyGroup: "hash" })).toBe(table);
    misuse(() => backend.table("t", { numbers: 2, values: false }));
    misuse(() => backend.table("t", { numbers: 1, values: true }));
    misuse(() => backend.table("t", { numbers: 1, values: false, keyGroup: "key" }));
  });

  test("a key that is itself a key group moves with that key group", () => {
    const descriptor = { numbers: 1, values: false, keyGroup: "key" } as const;
    const backend = open(factory);
    const pane = backend.table("shards", descriptor).pane(0);
    for (let group = 0; group < KEY_GROUPS; group++) {
      const slot = pane.slotOf(group);
      (pane.numbers[0] as Float64Array)[slot] = group * 10;
    }
    const second = restored(factory, [backend.snapshot()], 1, 2);
    expect(rowsOf(second.table("shards", descriptor))).toEqual([
      [0, 3, 30, undefined],
      [0, 4, 40, undefined],
    ]);
    expect(() => second.table("shards", descriptor).pane(0).slotOf(2)).toThrow(/key group/);
    expect(() => second.table("shards", descriptor).pane(0).slotOf("4")).toThrow(/key group/);
    expect(second.table("shards", descriptor).pane(0).size).toBe(2);
  });
}
