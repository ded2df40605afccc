/**
 * What every keyed state backend must do (`core/state-backend.ts`). A backend's test calls `stateBackendSuite` with a factory
 * and thereby claims the whole contract; what only one backend promises is tested beside it.
 */

import { describe, expect, test } from "vitest";
import type { Key } from "../../core/key.ts";
import { type KeyGroupRange, keyGroupsOfSubtask } from "../../core/key-group.ts";
import { listState, mapState, reducingState, valueState } from "../../core/state.ts";
import type { KeyedStateBackend, StateSnapshot } from "../../core/state-backend.ts";
import { randomUseSuite } from "./state-backend-model.ts";
import { rowsOf, tableSuite } from "./state-backend-tables.ts";

export const KEY_GROUPS = 16;

export interface BackendOptions {
  readonly operator: string;
  readonly keyGroups: KeyGroupRange;
  readonly keyGroupCount: number;
}

export type BackendFactory = (options: BackendOptions) => KeyedStateBackend;

export const sum = reducingState<number>((a, b) => a + b);

const keysOfEveryKind: readonly Key[] = [
  0, 1, -1, 0.5, 2 ** 31, 2 ** 53, -1e300, Number.POSITIVE_INFINITY,
  "1", "", "n1", "s1", "\0n1", "naïve", "\ud800", "x".repeat(40),
  1n, -1n, 2n ** 80n, true, false, new Date(1), [1], ["1"], [1, "1"], ["11"], [new Date(1), 1n, true],
]; // prettier-ignore

/** The backend of one subtask of several. */
export function open(factory: BackendFactory, subtask = 0, parallelism = 1): KeyedStateBackend {
  return factory({ operator: "op", keyGroups: keyGroupsOfSubtask(subtask, KEY_GROUPS, parallelism), keyGroupCount: KEY_GROUPS });
}

/** A subtask's backend with what the snapshots hold in its key groups. */
export function restored(factory: BackendFactory, snapshots: readonly StateSnapshot[], subtask = 0, parallelism = 1): KeyedStateBackend {
  const backend = open(factory, subtask, parallelism);
  for (const snapshot of snapshots) backend.restore(snapshot);
  return backend;
}

export function misuse(act: () => unknown): void {
  expect(act).toThrow(expect.objectContaining({ code: "STATE_MISUSE", operator: "op" }));
}

export function stateBackendSuite(name: string, factory: BackendFactory): void {
  describe(`${name}: handles`, () => handleSuite(factory));
  describe(`${name}: keys`, () => keySuite(factory));
  describe(`${name}: tables`, () => tableSuite(factory));
  describe(`${name}: snapshots`, () => snapshotSuite(factory));
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
    const value = backend.state<ReturnType<typeof valueState<number | undefined>>>("v", valueState<number | undefined>(7));
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
    expect([...map.entries()]).toEqual([["y", 3], ["x", 2]]);
    map.remove("y");
    map.put("y", 4);
    expect([...map.entries()]).toEqual([["x", 2], ["y", 4]]);
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
    expect([...map.entries()]).toEqual([[11, "y"], [12, "y"], [13, "y"]]);
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
    expect(() => backend.table("t", { numbers: 0, values: true }).pane(0).slotOf(key as Key)).toThrow(bad);
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

function snapshotSuite(factory: BackendFactory): void {
  test("a restored backend holds the same, for every kind of key and state", () => {
    const backend = filled(factory);
    const copy = restored(factory, [backend.snapshot()]);
    expect(contents(copy)).toEqual(contents(backend));
    expect(contents(restored(factory, [copy.snapshot()]))).toEqual(contents(backend));
  });

  test("a snapshot does not follow later changes, and restored backends share nothing", () => {
    const backend = filled(factory);
    const before = contents(backend);
    const snapshot = backend.snapshot();
    const first = restored(factory, [snapshot]);
    for (const changed of [backend, first]) {
      changed.setCurrentKey("1");
      changed.state("list", listState<number>()).add(99);
      changed.state("map", mapState<Key, number>()).put("new", 99);
      const pane = changed.table("table", { numbers: 2, values: true }).pane(5);
      const slot = pane.slotOf("1");
      (pane.numbers[0] as Float64Array)[slot] = 99;
      (pane.values[slot] as { floats: Float32Array }).floats[0] = 99;
    }
    expect(contents(restored(factory, [snapshot]))).toEqual(before);
  });

  test("state that is not declared after a restart is kept", () => {
    const once = restored(factory, [filled(factory).snapshot()]);
    expect(contents(restored(factory, [once.snapshot()]))).toEqual(contents(filled(factory)));
  });

  test("a restored state keeps its kind, a restored table its columns", () => {
    const backend = restored(factory, [filled(factory).snapshot()]);
    misuse(() => backend.state("list", mapState()));
    misuse(() => backend.table("table", { numbers: 1, values: true }));
  });

  test("rescaling from 1 to 3 to 2 subtasks loses and doubles nothing", () => {
    const whole = filled(factory);
    const three = [0, 1, 2].map((subtask) => restored(factory, [whole.snapshot()], subtask, 3));
    const shares = three.map((backend) => [...backend.keys("value")].length);
    expect(shares.reduce((a, b) => a + b)).toBe([...whole.keys("value")].length);
    expect(Math.min(...shares)).toBeGreaterThan(0);
    const snapshots = three.map((backend) => backend.snapshot());
    const two = [0, 1].map((subtask) => restored(factory, snapshots, subtask, 2));
    expect(contents(restored(factory, two.map((backend) => backend.snapshot())))).toEqual(contents(whole));
  });

  test("the same state restored twice is refused", () => {
    const snapshot = filled(factory).snapshot();
    expect(() => restored(factory, [snapshot, snapshot])).toThrow(expect.objectContaining({ code: "STATE_CORRUPT" }));
  });

  test("damage of any byte is refused", () => {
    const backend = open(factory);
    backend.setCurrentKey("a");
    backend.state("v", valueState<string>()).set("value");
    const [[group, blocks]] = [...backend.snapshot()] as [[number, readonly Uint8Array[]]];
    const block = blocks[0] as Uint8Array;
    const corrupt = expect.objectContaining({ code: "STATE_CORRUPT", operator: "op" });
    for (let at = 0; at < block.length; at++) {
      const damaged = block.slice();
      damaged[at]! ^= 0x10;
      expect(() => restored(factory, [new Map([[group, [damaged]]])])).toThrow(corrupt);
    }
    for (const length of [0, 10, block.length - 1]) {
      expect(() => restored(factory, [new Map([[group, [block.slice(0, length)]]])])).toThrow(corrupt);
    }
    expect(() => restored(factory, [new Map([[(group + 1) % KEY_GROUPS, blocks]])])).toThrow(corrupt);
  });

  test("a value that cannot be saved is refused by name", () => {
    const backend = open(factory);
    backend.setCurrentKey("a");
    const act = () => {
      backend.state("callbacks", valueState<() => void>()).set(() => {});
      backend.snapshot();
    };
    expect(act).toThrow(expect.objectContaining({ code: "BAD_RECORD", message: expect.stringContaining("callbacks") }));
  });
}

/** A backend with all kinds of state under all kinds of keys, and more rows than a block holds. */
function filled(factory: BackendFactory): KeyedStateBackend {
  const backend = open(factory);
  const table = backend.table("table", { numbers: 2, values: true });
  const many: readonly Key[] = Array.from({ length: 20_000 }, (_, key) => key + 1000);
  for (const [i, key] of [...keysOfEveryKind, ...many].entries()) {
    backend.setCurrentKey(key);
    backend.state("value", valueState<unknown>()).set({ i, at: new Date(i), big: BigInt(i), bytes: Uint8Array.of(i) });
    if (i < 100) {
      for (let n = 0; n < i % 4; n++) backend.state("list", listState<number>()).add(n);
      for (const mapKey of keysOfEveryKind.slice(0, i % 30)) backend.state("map", mapState<Key, number>()).put(mapKey, i);
      backend.state("sum", sum).add(i);
    }
    const pane = table.pane(i % 3 === 0 ? 5 : -i % 10);
    const slot = pane.slotOf(key);
    (pane.numbers[1] as Float64Array)[slot] = i / 3;
    pane.values[slot] = { floats: Float32Array.of(i, 0.5), ints: Int32Array.of(-i), wide: Float64Array.of(i), text: `t${i}` };
    if (key === "1") table.pane(5).values[table.pane(5).slotOf(key)] ??= { floats: Float32Array.of(1) };
  }
  return backend;
}

function contents(backend: KeyedStateBackend): unknown {
  const states: unknown[] = [];
  for (const key of backend.keys("value")) {
    backend.setCurrentKey(key);
    const list = backend.state("list", listState()).get();
    const map = [...backend.state("map", mapState()).entries()];
    states.push([key, backend.state("value", valueState()).get(), list, map, backend.state("sum", sum).get()]);
  }
  return { states: new Set(states), rows: new Set(rowsOf(backend.table("table", { numbers: 2, values: true }))) };
}
