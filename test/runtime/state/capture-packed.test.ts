/** Captures of packed values: what they hold is what was there at the barrier, and no packed row outlives its use. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { packed, valueState } from "../../../core/state.ts";
import { beginColumn } from "../../../runtime/state/capture-states.ts";
import { Epochs } from "../../../runtime/state/epochs.ts";
import { KeyGroups } from "../../../runtime/state/key-groups.ts";
import { KeyedEntries } from "../../../runtime/state/keyed-entries.ts";
import { createMemoryBackend } from "../../../runtime/state/memory-backend.ts";
import type { StateColumn } from "../../../runtime/state/state-column.ts";

const options = { operator: "op", keyGroups: { first: 0, last: 7 }, keyGroupCount: 8 };
const descriptor = packed(valueState<unknown>());

interface Packed {
  readonly entries: KeyedEntries;
  readonly column: StateColumn;
  readonly set: (key: number, value: unknown) => void;
  readonly clear: (key: number) => void;
}

function packedEntries(): Packed {
  const entries = new KeyedEntries("op", new KeyGroups({ first: 0, last: 7 }, 8, "op"), false, new Epochs());
  const column = entries.addColumn("value", "value");
  column.pack();
  const at = (key: number, act: () => void) => {
    entries.select(key);
    act();
  };
  return {
    entries,
    column,
    set: (key, value) => at(key, () => entries.write(column, value)),
    clear: (key) => at(key, () => entries.clear(column)),
  };
}

function rowsKept({ column }: Packed): number {
  return column.packedValues?.rows.size ?? Number.NaN;
}

/** A capture that has picked all slots and cut nothing. */
function picked({ entries, column }: Packed): Generator<unknown> {
  const steps = beginColumn(entries, column, entries.epochs.begin(1, true), entries.index.slots);
  steps.next();
  return steps;
}

function fill(state: Packed, keys: number): void {
  for (let key = 0; key < keys; key++) state.set(key, { key, text: `a text of ${key}` });
}

test("a replaced row is freed when it has been read, and not before", () => {
  const state = packedEntries();
  fill(state, 3000);
  const steps = picked(state);
  for (let key = 0; key < 1000; key++) state.set(key, { key, text: "new" });
  for (let key = 1000; key < 1500; key++) state.clear(key);
  expect(rowsKept(state)).toBe(3000 + 1000);
  for (let key = 0; key < 1000; key++) state.set(key, { key, text: "newer" });
  expect(rowsKept(state)).toBe(3000 + 1000);
  while (steps.next().done !== true);
  expect(rowsKept(state)).toBe(3000 - 500);
  expect(state.column.capture).toBeUndefined();
});

test("what a capture that is given up has yet to read is freed at once", () => {
  for (const blocks of [0, 1]) {
    const state = packedEntries();
    fill(state, 3000);
    const steps = picked(state);
    for (let block = 0; block < blocks; block++) steps.next();
    for (let key = 0; key < 3000; key += 2) state.set(key, { key });
    expect(rowsKept(state)).toBeGreaterThan(3000);
    state.column.endCapture();
    expect(rowsKept(state)).toBe(3000);
  }
});

test("a row whose cell was noted as changing but stays is not freed with the capture", () => {
  const state = packedEntries();
  fill(state, 100);
  const steps = picked(state);
  for (let slot = 0; slot < 100; slot++) state.column.touch(slot, state.entries.epochs.current);
  while (steps.next().done !== true);
  expect(rowsKept(state)).toBe(100);
  expect(state.column.valueOf(state.column.cells.at(7))).toEqual({ key: 7, text: "a text of 7" });
});

const valueArbitrary = fc.oneof(
  fc.record({ a: fc.integer(), b: fc.string() }),
  fc.record({ c: fc.double() }),
  fc.integer(),
  fc.string(),
  fc.constant(undefined),
  fc.constant(null),
);
const changeArbitrary = fc.record({
  key: fc.nat(1500),
  value: fc.option(valueArbitrary, { nil: "cleared" }),
  repeats: fc.constantFrom(1, 1, 300),
});

test("blocks restore what was there at the barrier, whatever changes between their steps", () => {
  const changes = fc.array(changeArbitrary, { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(changes, changes, changes, (before, between, during) => {
      const model = new Map<number, unknown>();
      const backend = createMemoryBackend(options);
      const state = backend.state("value", descriptor);
      const apply = ({ key, value, repeats }: (typeof before)[number]) => {
        for (let each = key; each < key + repeats; each++) {
          backend.setCurrentKey(each);
          if (value === "cleared") state.clear();
          else state.set(value);
          if (value === "cleared") model.delete(each);
          else model.set(each, value);
        }
      };
      const blocks: Uint8Array[] = [];
      const capture = (checkpoint: number, meanwhile: readonly (typeof before)[number][]) => {
        const atBarrier = new Map(model);
        const left = [...meanwhile];
        for (const capturing = backend.capture(checkpoint); !capturing.done; ) {
          const change = left.shift();
          if (change !== undefined) apply(change);
          const block = capturing.step();
          if (block !== undefined) blocks.push(block);
        }
        backend.confirm(checkpoint);
        return atBarrier;
      };
      for (const change of before) apply(change);
      capture(1, between);
      const expected = capture(2, during);
      const restored = createMemoryBackend(options);
      const again = restored.state("value", descriptor);
      for (const block of blocks) restored.restoreBlock(block, "here");
      const found = new Map<number, unknown>();
      for (let key = 0; key < 2000; key++) {
        restored.setCurrentKey(key);
        if (again.get() !== undefined) found.set(key, again.get());
      }
      const present = new Map([...expected].filter(([, value]) => value !== undefined));
      expect(new Map([...found].sort(([a], [b]) => a - b))).toEqual(new Map([...present].sort(([a], [b]) => a - b)));
    }),
    { numRuns: 60 },
  );
});
