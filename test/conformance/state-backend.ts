/**
 * What every keyed state backend must do (`core/state-backend.ts`). A backend's test calls `stateBackendSuite` with a factory
 * and thereby claims the whole contract; what only one backend promises is tested beside it.
 */

import { describe, expect, test } from "vitest";
import type { Key } from "../../core/key.ts";
import { listState, mapState, valueState } from "../../core/state.ts";
import { captureSuite } from "./state-backend-captures.ts";
import { heldSuite } from "./state-backend-held.ts";
import { randomUseSuite } from "./state-backend-model.ts";
import { packedSuite } from "./state-backend-packed.ts";
import { rowsSuite } from "./state-backend-rows.ts";
import { snapshotSuite } from "./state-backend-snapshots.ts";
import { type BackendFactory, KEY_GROUPS, keysOfEveryKind, misuse, open, sum } from "./state-backend-subject.ts";
import { tableSuite } from "./state-backend-tables.ts";
import { ttlSuite } from "./state-backend-ttl.ts";

export function stateBackendSuite(name: string, factory: BackendFactory): void {
  describe(`${name}: handles`, () => handleSuite(factory));
  describe(`${name}: keys`, () => keySuite(factory));
  describe(`${name}: tables`, () => tableSuite(factory));
  describe(`${name}: rows`, () => rowsSuite(factory));
  describe(`${name}: accumulators held together`, () => heldSuite(factory));
  describe(`${name}: snapshots`, () => snapshotSuite(factory));
  describe(`${name}: captures`, () => captureSuite(factory));
  describe(`${name}: captures of packed states`, () => packedSuite(factory));
  describe(`${name}: time to live`, () => ttlSuite(factory));
  describe(`${name}: random use`, () => randomUseSuite(factory));
}

function handleSuite(factory: BackendFactory): void {
  test("a value state is its initial value until it is set, and again once it is cleared", () => {
    const backend = open(factory);
    const count = backend.state("count", valueState(7));
    backend.setCurrentKey("a");
    expect(count.get()).toBe(7);
    count.set(8);
    expect(count.get()).toBe(8);
    count.update((current) => (current ?? 0) + 1);
    expect(count.get()).toBe(9);
    count.clear();
    expect(count.get()).toBe(7);
  });

  test("undefined is a value that can be set", () => {
    const backend = open(factory);
    const value = backend.state<ReturnType<typeof valueState<number | undefined>>>(
      "v",
      valueState<number | undefined>(7),
    );
    backend.setCurrentKey("a");
    value.set(undefined);
    expect(value.get()).toBe(undefined);
    expect([...backend.keys("v")]).toEqual(["a"]);
  });

  test("a list keeps the order of adding, and set replaces all of it", () => {
    const backend = open(factory);
    const list = backend.state("l", listState<number | string>());
    backend.setCurrentKey("a");
    expect(list.get()).toEqual([]);
    list.add(2);
    list.add("1");
    list.add(2);
    expect(list.get()).toEqual([2, "1", 2]);
    list.set([5]);
    list.add(6);
    expect(list.get()).toEqual([5, 6]);
    list.set([]);
    expect(list.get()).toEqual([]);
    expect([...backend.keys("l")]).toEqual([]);
  });

  test("a list that was read, or given to set, is not the list that is kept", () => {
    const backend = open(factory);
    const list = backend.state("l", listState<number>());
    backend.setCurrentKey("a");
    const given = [1];
    list.set(given);
    given.push(9);
    const before = list.get();
    list.add(2);
    expect(before).toEqual([1]);
    expect(list.get()).toEqual([1, 2]);
  });

  test("a map keeps its entries in order of first putting", () => {
    const backend = open(factory);
    const map = backend.state("m", mapState<string, number>());
    backend.setCurrentKey("a");
    expect([map.size, map.has("x"), map.get("x"), [...map.entries()]]).toEqual([0, false, undefined, []]);
    map.put("y", 1);
    map.put("x", 2);
    map.put("y", 3);
    expect([...map.entries()]).toEqual([
      ["y", 3],
      ["x", 2],
    ]);
    map.remove("y");
    map.put("y", 4);
    expect([...map.entries()]).toEqual([
      ["x", 2],
      ["y", 4],
    ]);
    expect([map.size, map.has("y"), map.get("y")]).toEqual([2, true, 4]);
    map.remove("x");
    map.remove("y");
    map.remove("y");
    expect([...backend.keys("m")]).toEqual([]);
  });

  test("a map's keys may be of every kind, and come back equal", () => {
    const backend = open(factory);
    const map = backend.state("m", mapState<Key, number>());
    backend.setCurrentKey("a");
    for (const [i, key] of keysOfEveryKind.entries()) map.put(key, i);
    expect(map.size).toBe(keysOfEveryKind.length);
    expect([...map.entries()]).toEqual(keysOfEveryKind.map((key, i) => [key, i]));
    for (const [i, key] of keysOfEveryKind.entries()) expect(map.get(key)).toBe(i);
    map.put(-0, 100);
    expect([map.get(0), map.size]).toEqual([100, keysOfEveryKind.length]);
    expect(() => map.put(Number.NaN, 1)).toThrow(expect.objectContaining({ code: "BAD_KEY" }));
  });

  test("a map may be changed while its entries are walked over", () => {
    const backend = open(factory);
    const map = backend.state("m", mapState<number, string>());
    backend.setCurrentKey("a");
    for (const key of [1, 2, 3]) map.put(key, "x");
    const seen: number[] = [];
    for (const [key] of map.entries()) {
      seen.push(key);
      map.remove(key);
      map.put(key + 10, "y");
    }
    expect(seen).toEqual([1, 2, 3]);
    expect([...map.entries()]).toEqual([
      [11, "y"],
      [12, "y"],
      [13, "y"],
    ]);
  });

  test("a reducing state folds what is added", () => {
    const backend = open(factory);
    const total = backend.state("t", sum);
    backend.setCurrentKey("a");
    expect(total.get()).toBe(undefined);
    total.add(2);
    total.add(3);
    expect(total.get()).toBe(5);
    total.clear();
    expect(total.get()).toBe(undefined);
    total.add(4);
    expect(total.get()).toBe(4);
  });

  test("states of different names, and tables, are separate", () => {
    const backend = open(factory);
    const a = backend.state("a", valueState<number>());
    const b = backend.state("b", valueState<number>());
    backend.table("a", { numbers: 1, values: false }).pane(0).slotOf("k");
    backend.setCurrentKey("k");
    a.set(1);
    expect(b.get()).toBe(undefined);
    b.set(2);
    a.clear();
    expect([a.get(), b.get()]).toEqual([undefined, 2]);
    expect(backend.table("a", { numbers: 1, values: false }).pane(0).size).toBe(1);
  });

  test("the same name gives the same handle", () => {
    const backend = open(factory);
    expect(backend.state("a", valueState())).toBe(backend.state("a", valueState()));
  });

  test("one name for two kinds of state is refused", () => {
    const backend = open(factory);
    backend.state("a", valueState());
    misuse(() => backend.state("a", listState()));
  });

  test("state without a current key is refused", () => {
    const backend = open(factory);
    misuse(() => backend.currentKey);
    misuse(() => backend.state("v", valueState()).get());
    misuse(() => backend.state("v", valueState()).set(1));
    misuse(() => backend.state("l", listState()).add(1));
    misuse(() => backend.state("m", mapState()).clear());
    misuse(() => backend.state("r", sum).add(1));
  });
}

function keySuite(factory: BackendFactory): void {
  test("every kind of key has state of its own", () => {
    const backend = open(factory);
    const value = backend.state("v", valueState<number>());
    for (const [i, key] of keysOfEveryKind.entries()) {
      backend.setCurrentKey(key);
      expect(value.get()).toBe(undefined);
      value.set(i);
    }
    for (const [i, key] of keysOfEveryKind.entries()) {
      backend.setCurrentKey(key);
      expect(backend.currentKey).toEqual(key);
      expect(value.get()).toBe(i);
    }
    expect(new Set(backend.keys("v"))).toEqual(new Set(keysOfEveryKind));
  });

  test("-0 is 0", () => {
    const backend = open(factory);
    const value = backend.state("v", valueState<number>());
    backend.setCurrentKey(-0);
    value.set(1);
    backend.setCurrentKey(0);
    expect(value.get()).toBe(1);
    expect(Object.is([...backend.keys("v")][0], 0)).toBe(true);
  });

  test.each([[Number.NaN], [null], [undefined], [{}], [[]], [[[1]]], [new Date(Number.NaN)]])("%o is no key", (key) => {
    const bad = expect.objectContaining({ code: "BAD_KEY", operator: "op" });
    const backend = open(factory);
    expect(() => backend.setCurrentKey(key as Key)).toThrow(bad);
    expect(() =>
      backend
        .table("t", { numbers: 0, values: true })
        .pane(0)
        .slotOf(key as Key),
    ).toThrow(bad);
  });

  test("keys lists those that have a value in that state", () => {
    const backend = open(factory);
    const a = backend.state("a", valueState<number>());
    const b = backend.state("b", listState<number>());
    for (const key of [1, 2, 3]) {
      backend.setCurrentKey(key);
      a.set(1);
      if (key > 1) b.add(1);
    }
    a.clear();
    expect([...backend.keys("a")].sort()).toEqual([1, 2]);
    expect([...backend.keys("b")].sort()).toEqual([2, 3]);
    expect([...backend.keys("unknown")]).toEqual([]);
  });

  test("a key of a foreign key group is refused before it is kept", () => {
    const backend = open(factory, 0, KEY_GROUPS);
    const value = backend.state("v", valueState<number>());
    const write = () => {
      for (let key = 0; key < 50; key++) {
        backend.setCurrentKey(key);
        value.set(1);
      }
    };
    expect(write).toThrow(/key group/);
  });

  test("changing a key after its use changes nothing", () => {
    const backend = open(factory);
    const value = backend.state("v", valueState<number>());
    const date = new Date(1);
    const tuple = [1, 2];
    for (const key of [date, tuple]) {
      backend.setCurrentKey(key);
      value.set(1);
    }
    date.setTime(5);
    tuple[0] = 9;
    for (const key of backend.keys("v")) if (key instanceof Date) key.setTime(7);
    expect(new Set(backend.keys("v"))).toEqual(new Set([new Date(1), [1, 2]]));
    for (const key of [new Date(1), [1, 2]]) {
      backend.setCurrentKey(key);
      expect(value.get()).toBe(1);
      value.clear();
    }
    expect([...backend.keys("v")]).toEqual([]);
  });
}
