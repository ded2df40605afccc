// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

/** The part of the state backend suite that is about snapshots. */

import { inspect } from "node:util";
import { expect, test } from "vitest";
import { encodeKey, type Key } from "../../core/key.ts";
import { listState, mapState, valueState } from "../../core/state.ts";
import type { KeyedStateBackend } from "../../core/state-backend.ts";
import {
  type BackendFactory,
  KEY_GROUPS,
  keysOfEveryKind,
  misuse,
  open,
  restored,
  sum,
} from "./state-backend-subject.ts";
import { rowsOf } from "./state-backend-tables.ts";

export function snapshotSuite(factory: BackendFactory): void {
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
    expect(
      contents(
        restored(
          factory,
          two.map((backend) => backend.snapshot()),
        ),
      ),
    ).toEqual(contents(whole));
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
  const many: readonly Key[] = Array.from({ length: 6000 }, (_, key) => key + 1000);
  for (const [i, key] of [...keysOfEveryKind, ...many].entries()) {
    backend.setCurrentKey(key);
    backend.state("value", valueState<unknown>()).set({ i, at: new Date(i), big: BigInt(i), bytes: Uint8Array.of(i) });
    if (i < 100) {
      for (let n = 0; n < i % 4; n++) backend.state("list", listState<number>()).add(n);
      for (const mapKey of keysOfEveryKind.slice(0, i % 30))
        backend.state("map", mapState<Key, number>()).put(mapKey, i);
      backend.state("sum", sum).add(i);
    }
    const pane = table.pane(i % 3 === 0 ? 5 : -i % 10);
    const slot = pane.slotOf(key);
    (pane.numbers[1] as Float64Array)[slot * pane.stride] = i / 3;
    pane.values[slot] = {
      floats: Float32Array.of(i, 0.5),
      ints: Int32Array.of(-i),
      wide: Float64Array.of(i),
      text: `t${i}`,
    };
    if (key === "1") table.pane(5).values[table.pane(5).slotOf(key)] ??= { floats: Float32Array.of(1) };
  }
  return backend;
}

function contents(backend: KeyedStateBackend): unknown {
  const states: unknown[][] = [];
  for (const key of backend.keys("value")) {
    backend.setCurrentKey(key);
    const list = backend.state("list", listState()).get();
    const map = [...backend.state("map", mapState()).entries()];
    states.push([key, backend.state("value", valueState()).get(), list, map, backend.state("sum", sum).get()]);
  }
  const rows = rowsOf(backend.table("table", { numbers: 2, values: true }));
  return { states: byKey(states, 0), rows: byKey(rows, 1) };
}

/** Entries as text that tells every type apart, in an order that does not depend on where they were kept. */
function byKey(entries: readonly (readonly unknown[])[], column: number): readonly string[] {
  return entries
    .map((entry) => `${encodeKey(entry[column], "op")} ${inspect(entry, { depth: 10, breakLength: Infinity })}`)
    .sort();
}
