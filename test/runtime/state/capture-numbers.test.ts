/** Captures of tables of numbers with more rows than may wait: cut before all are looked at, and as they stood at the barrier. */

import { expect, test } from "vitest";
import { KeyBatch } from "../../../core/key-batch.ts";
import type { KeyedStateBackend, StateCapture, StatePane } from "../../../core/state-backend.ts";
import { createMemoryBackend } from "../../../runtime/state/memory-backend.ts";

const COLUMNS = 10;
/** Three times as many as may wait of rows of ten fractions. */
const ROWS = 80_000;
const CHANGED_A_STEP = 700;

const options = { operator: "op", keyGroups: { first: 0, last: 63 }, keyGroupCount: 64 };

function paneOf(backend: KeyedStateBackend): StatePane {
  return backend.table("numbers", { numbers: COLUMNS, values: false }).pane(0);
}

/** Adds to all numbers of the rows of some keys. */
function change(pane: StatePane, firsts: readonly number[], by: number): void {
  const keys = new KeyBatch(firsts.length);
  for (const first of firsts) keys.add([first, first % 7]);
  const slots = new Int32Array(firsts.length);
  pane.slotsOf(keys, slots);
  for (const slot of slots)
    for (const column of pane.numbers) column[slot * pane.stride] = (column[slot * pane.stride] as number) + by;
}

function fill(pane: StatePane, rows: number): void {
  for (let from = 0; from < rows; from += 1000) {
    const firsts = Array.from({ length: 1000 }, (_, i) => from + i);
    change(pane, firsts, 1.5);
  }
}

/** By the first part of the key: the row's numbers, if they are all the same. */
function found(pane: StatePane): Map<number, number> {
  const rows = new Map<number, number>();
  for (let slot = 0; slot < pane.size; slot++) {
    const [first, second] = pane.keyAt(slot) as readonly [number, number];
    const numbers = pane.numbers.map((column) => column[slot * pane.stride] as number);
    rows.set(first, second === first % 7 && new Set(numbers).size === 1 ? (numbers[0] as number) : Number.NaN);
  }
  return rows;
}

/** Drives a capture to its end, and changes rows behind each step, old ones here and there and some new ones. */
function drivenAmid(capture: StateCapture, pane: StatePane): readonly Uint8Array[] {
  const blocks: Uint8Array[] = [];
  for (let step = 0; !capture.done; step++) {
    const block = capture.step();
    if (block !== undefined) blocks.push(block);
    const old = Array.from({ length: CHANGED_A_STEP }, (_, i) => ((step * CHANGED_A_STEP + i) * 7919) % ROWS);
    change(pane, [...old, ROWS + step], 100);
  }
  return blocks;
}

test("what was there at the barrier is restored, whatever changes before and behind where the capture is", () => {
  const backend = createMemoryBackend(options);
  const pane = paneOf(backend);
  fill(pane, ROWS);
  const everything = drivenAmid(backend.capture(1), pane);
  backend.confirm(1);
  const atSecond = found(pane);
  const delta = drivenAmid(backend.capture(2), pane);

  const first = createMemoryBackend(options);
  for (const block of everything) first.restoreBlock(block, "here");
  expect(found(paneOf(first))).toEqual(new Map(Array.from({ length: ROWS }, (_, key) => [key, 1.5])));

  const second = createMemoryBackend(options);
  for (const block of [...everything, ...delta]) second.restoreBlock(block, "here");
  expect(new Map([...found(paneOf(second))].sort(([a], [b]) => a - b))).toEqual(
    new Map([...atSecond].sort(([a], [b]) => a - b)),
  );
});

test("rows are cut as soon as they take up as much as may wait, and not when all have been looked at", () => {
  const backend = createMemoryBackend(options);
  fill(paneOf(backend), ROWS);
  const capture = backend.capture(1);
  let looks = 0;
  while (capture.step() === undefined) looks++;
  // 16,384 rows are looked at in a step.
  expect(looks).toBeLessThan(Math.floor(ROWS / 16_384));
  expect(capture.done).toBe(false);
});
