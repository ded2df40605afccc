/** Blocks whose values are converted while they are restored: as if they had been saved so, whatever they say. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { listState, mapState, reducingState, valueState } from "../../../core/state.ts";
import type { KeyedStateBackend, StateCapture } from "../../../core/state-backend.ts";
import { createMemoryBackend } from "../../../runtime/state/memory-backend.ts";

const all = { first: 0, last: 7 };
const make = (): KeyedStateBackend => createMemoryBackend({ operator: "op", keyGroups: all, keyGroupCount: 8 });

const handles = (backend: KeyedStateBackend) => ({
  value: backend.state("value", valueState<unknown>()),
  sum: backend.state(
    "sum",
    reducingState<unknown>((a, b) => [a, b]),
  ),
  list: backend.state("list", listState<unknown>()),
  map: backend.state("map", mapState<string, unknown>()),
  table: backend.table("table", { numbers: 1, values: true }),
});

type Kind = "value" | "sum" | "list" | "map" | "table";

interface Step {
  readonly kind: Kind;
  readonly key: string;
  readonly part: string;
  readonly value: number;
  readonly clears: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Kind>("value", "sum", "list", "map", "table"),
  key: fc.constantFrom("a", "b", "c"),
  part: fc.constantFrom("x", "y"),
  value: fc.integer(),
  clears: fc.nat(9).map((n) => n === 0),
});

function apply(backend: KeyedStateBackend, { kind, key, part, value, clears }: Step): void {
  const states = handles(backend);
  backend.setCurrentKey(key);
  if (kind === "table") {
    const pane = states.table.pane(clears ? 1 : 0);
    pane.values[pane.slotOf(key)] = value;
    if (clears) states.table.drop(0);
  } else if (clears && kind === "map") states.map.remove(part);
  else if (clears) states[kind].clear();
  else if (kind === "value") states.value.set(value);
  else if (kind === "map") states.map.put(part, value);
  else states[kind].add(value);
}

function contents(backend: KeyedStateBackend): unknown {
  const { value, sum, list, map, table } = handles(backend);
  const ofKeys = ["a", "b", "c"].map((key) => {
    backend.setCurrentKey(key);
    return { value: value.get(), sum: sum.get(), list: [...list.get()], map: [...map.entries()] };
  });
  const rows = table.namespaces().flatMap((namespace) => {
    const pane = table.pane(namespace);
    return Array.from({ length: pane.size }, (_, slot) => [namespace, pane.keyAt(slot), pane.values[slot]]);
  });
  return { ofKeys, rows: rows.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) };
}

function blocksOf(capture: StateCapture): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  while (!capture.done) {
    const block = capture.step();
    if (block !== undefined) blocks.push(block);
  }
  return blocks;
}

/** As `contents`, of values that were converted. */
function wrapped(of: unknown): unknown {
  if (typeof of === "number") return { was: of };
  if (Array.isArray(of)) return of.map(wrapped);
  if (typeof of !== "object" || of === null) return of;
  return Object.fromEntries(Object.entries(of).map(([name, part]) => [name, wrapped(part)]));
}

test("of a base and deltas to it, every value is converted once, and only values are", () => {
  fc.assert(
    fc.property(fc.array(fc.array(step, { maxLength: 25 }), { minLength: 1, maxLength: 4 }), (checkpoints) => {
      const backend = make();
      const blocks = checkpoints.flatMap((steps, at) => {
        for (const each of steps) apply(backend, each);
        const captured = blocksOf(backend.capture(at + 1));
        backend.confirm(at + 1);
        return captured;
      });
      const plain = make();
      const converted = make();
      for (const block of blocks) {
        plain.restoreBlock(block, "a block");
        // A sum may hold anything: it is one value.
        converted.restoreBlock(block, "a block", (value) => wrapped(value));
      }
      const expected = contents(plain) as { ofKeys: unknown[]; rows: [number, string, unknown][] };
      expect(contents(plain)).toEqual(contents(backend));
      expect(contents(converted)).toEqual({
        ofKeys: wrapped(expected.ofKeys),
        rows: expected.rows.map(([namespace, key, value]) => [namespace, key, wrapped(value)]),
      });
    }),
  );
});

test("a value that is not of its own type is named by operator and state; another failure stays what it is", () => {
  const backend = make();
  apply(backend, { kind: "map", key: "a", part: "x", value: 1, clears: false });
  const [block] = blocksOf(backend.capture(1)) as [Uint8Array];
  const restore = (error: Error) => () =>
    make().restoreBlock(block, "a block", () => {
      throw error;
    });
  expect(restore(new TypeError("its values should be a list, but is a number"))).toThrow(
    expect.objectContaining({
      code: "STATE_MISFIT",
      operator: "op",
      message: expect.stringContaining('the state "map" of "op" holds a value that is not of the type'),
    }),
  );
  const other = new RangeError("of the engine");
  expect(restore(other)).toThrow(other);
});
