import { expect, test } from "vitest";
import { KeyBatch } from "../../../core/key-batch.ts";
import { listState, mapState, reducingState, valueState } from "../../../core/state.ts";
import { createMemoryBackend } from "../../../runtime/state/memory-backend.ts";
import { stateBackendSuite } from "../../conformance/state-backend.ts";

const whole = { operator: "op", keyGroups: { first: 0, last: 127 }, keyGroupCount: 128 };

stateBackendSuite("memory", createMemoryBackend);
stateBackendSuite("memory, freezing values", (options) => createMemoryBackend({ ...options, freezeValues: true }));

test("with freezeValues, changing what was stored or read throws", () => {
  const backend = createMemoryBackend({ ...whole, freezeValues: true });
  backend.setCurrentKey("a");
  const value = backend.state("v", valueState<{ deep: { n: number } }>());
  const stored = { deep: { n: 1 } };
  value.set(stored);
  expect(() => stored.deep.n++).toThrow(TypeError);
  const list = backend.state("l", listState<{ n: number }>());
  list.add({ n: 1 });
  expect(() => ((list.get()[0] as { n: number }).n = 2)).toThrow(TypeError);
  expect(() => (list.get() as { n: number }[]).push({ n: 2 })).toThrow(TypeError);
  const map = backend.state("m", mapState<string, { n: number }>());
  map.put("x", { n: 1 });
  expect(() => ((map.get("x") as { n: number }).n = 2)).toThrow(TypeError);
  const sum = backend.state(
    "r",
    reducingState<{ n: number }>((a, b) => ({ n: a.n + b.n })),
  );
  sum.add({ n: 1 });
  sum.add({ n: 2 });
  expect(() => ((sum.get() as { n: number }).n = 2)).toThrow(TypeError);
});

test("with freezeValues, restored values are frozen and their lists and maps still grow", () => {
  const before = createMemoryBackend(whole);
  before.setCurrentKey("a");
  before.state("l", listState<{ n: number }>()).add({ n: 1 });
  before.state("m", mapState<string, { n: number }>()).put("x", { n: 1 });
  const backend = createMemoryBackend({ ...whole, freezeValues: true });
  backend.restore(before.snapshot());
  backend.setCurrentKey("a");
  const list = backend.state("l", listState<{ n: number }>());
  const map = backend.state("m", mapState<string, { n: number }>());
  expect(() => ((list.get()[0] as { n: number }).n = 2)).toThrow(TypeError);
  expect(() => ((map.get("x") as { n: number }).n = 2)).toThrow(TypeError);
  list.add({ n: 2 });
  map.put("y", { n: 2 });
  expect([list.get().length, map.size]).toEqual([2, 2]);
});

test("a closed backend has no current key", () => {
  const backend = createMemoryBackend(whole);
  const value = backend.state("v", valueState<number>());
  backend.setCurrentKey("a");
  backend.close();
  expect(() => value.get()).toThrow(expect.objectContaining({ code: "STATE_MISUSE" }));
});

test("a backend of which nothing will be captured is snapshotted whole, and refuses a capture", () => {
  const backend = createMemoryBackend({ ...whole, capturing: false });
  const pane = backend.table("t", { numbers: 1, values: false }).pane(0);
  const keys = new KeyBatch(3);
  const slots = new Int32Array(3);
  for (const [round, added] of [
    [1, [5, 6]],
    [2, [6, 7, 6]],
  ] as const) {
    keys.clear();
    for (const key of added) keys.add(key);
    pane.slotsOf(keys, slots);
    const sums = pane.numbers[0] as Float64Array;
    for (const slot of slots.subarray(0, added.length)) sums[slot] = (sums[slot] as number) + round;
  }
  const copy = createMemoryBackend(whole);
  copy.restore(backend.snapshot());
  const restored = copy.table("t", { numbers: 1, values: false }).pane(0);
  expect([5, 6, 7].map((key) => restored.numbers[0]?.[restored.find(key)])).toEqual([1, 5, 2]);
  expect(() => backend.capture(1)).toThrow(/nobody has marked/);
});

test("a pane has room for as many entries as the one that was dropped before it, but only the next one", () => {
  const table = createMemoryBackend(whole).table("t", { numbers: 1, values: false });
  const roomOf = (namespace: number): number | undefined => table.pane(namespace).numbers[0]?.length;
  for (let key = 0; key < 100; key++) table.pane(0).slotOf(key);
  table.drop(0);
  expect([roomOf(1), roomOf(2)]).toEqual([100, 8]);
  for (const namespace of [1, 2]) for (let key = 0; key < 300; key++) table.pane(namespace).slotOf(key * 7);
  for (const namespace of [1, 2]) {
    const pane = table.pane(namespace);
    expect(Array.from({ length: 300 }, (_, slot) => pane.find(slot * 7))).toEqual([...Array(300).keys()]);
  }
});

test("a dropped pane lets go of its memory at once, or when the capture that reads it is over", () => {
  const backend = createMemoryBackend(whole);
  const table = backend.table("t", { numbers: 1, values: false });
  const opened = (namespace: number) => {
    for (let key = 0; key < 2000; key++) table.pane(namespace).slotOf(key);
    return table.pane(namespace).numbers[0] as Float64Array;
  };
  const [first, second] = [opened(1), opened(2)];
  table.drop(1);
  expect([first.length, second.length]).toEqual([0, 2000]);
  const capture = backend.capture(1);
  table.drop(2);
  expect(second.length).toBe(2000);
  while (!capture.done) capture.step();
  expect(second.length).toBe(0);
});

test("a scratch pane that was cleared is as new, and its numbers are 0", () => {
  const pane = createMemoryBackend(whole).scratch({ numbers: 2, values: true });
  for (const round of [1, 2, 3]) {
    for (let key = 0; key < 1500; key++) {
      const slot = pane.slotOf(`${key * round}`);
      expect([slot, pane.numbers[1]?.[slot * pane.stride], pane.values[slot]]).toEqual([key, 0, undefined]);
      (pane.numbers[1] as Float64Array)[slot * pane.stride] = round;
      pane.values[slot] = round;
    }
    pane.clear();
    expect([pane.size, pane.find("0")]).toEqual([0, -1]);
  }
});
