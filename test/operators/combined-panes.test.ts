import fc from "fast-check";
import { expect, test } from "vitest";
import type { Key } from "../../core/key.ts";
import { KeyBatch } from "../../core/key-batch.ts";
import type { StatePane, StateTable } from "../../core/state-backend.ts";
import { type Combining, combiningColumns } from "../../operators/window/accumulators.ts";
import { CombinedPanes } from "../../operators/window/combined-panes.ts";
import { createMemoryBackend } from "../../runtime/state/memory-backend.ts";

const counts = [{ op: "count" }] as const;
/** What cannot be taken away again, so that every window is put together anew. */
const sums = [{ op: "sum", of: () => 1 }] as const;

/** Panes that count, beside Maps that do. */
class Subject {
  readonly #table: StateTable;
  readonly #combined: CombinedPanes;
  readonly #combining: Combining;
  readonly #expected = new Map<number, Map<Key, number>>();
  readonly #slots = new Int32Array(1024);

  constructor(columns: typeof counts | typeof sums) {
    const keyGroups = { first: 0, last: 127 };
    const state = createMemoryBackend({ operator: "windows", keyGroups, keyGroupCount: 128, capturing: false });
    const table = { numbers: 1, values: false };
    this.#table = state.table("panes", table);
    this.#combining = combiningColumns(columns);
    this.#combined = new CombinedPanes(state, table, this.#combining);
  }

  /** @param restored whether the first entries of the pane were there before. */
  add(start: number, keys: readonly Key[], restored = false): void {
    const direct = restored && this.#table.find(start) === undefined;
    const pane = this.#table.pane(start);
    const batch = new KeyBatch(Math.max(1, keys.length));
    for (const key of keys) batch.add(key);
    if (direct) pane.slotsOf(batch, this.#slots);
    else this.#combined.slotsOf(batch, pane, start, this.#slots);
    this.#combined.paneChanged();
    const expected = this.#expected.get(start) ?? new Map<Key, number>();
    this.#expected.set(start, expected);
    const column = pane.numbers[0] as Float64Array;
    for (const [i, key] of keys.entries()) {
      const slot = this.#slots[i] as number;
      if (pane.keyAt(slot) !== key) expect.fail(`${String(key)} has the slot of ${String(pane.keyAt(slot))}`);
      column[slot] = (column[slot] as number) + 1;
      expected.set(key, (expected.get(key) ?? 0) + 1);
    }
    expect(pane.size).toBe(expected.size);
  }

  /** Each key has the slot that a search for it finds. */
  search(start: number): void {
    const pane = this.#table.find(start);
    const keys = [...(this.#expected.get(start)?.keys() ?? [])];
    expect(keys.map((key) => pane?.keyAt(pane.find(key)))).toEqual(keys);
    expect(pane?.find(-1) ?? -1).toBe(-1);
  }

  /** The window of some panes, against the sum of the Maps. */
  fire(starts: readonly number[]): void {
    const panes = starts.flatMap((start) => this.#table.find(start) ?? []);
    this.#combined.combine(panes);
    const { places, present, presentStride, pane } = this.#combined;
    const found = new Map<Key, number>();
    for (let place = 0; place < places; place++)
      if ((present[place * presentStride] as number) > 0)
        found.set(pane.keyAt(place), (pane.numbers[0] as Float64Array)[place] as number);
    const expected = new Map<Key, number>();
    for (const start of starts)
      for (const [key, count] of this.#expected.get(start) ?? []) expected.set(key, (expected.get(key) ?? 0) + count);
    expect(found).toEqual(expected);
  }

  drop(start: number): void {
    const pane: StatePane | undefined = this.#table.find(start);
    if (pane !== undefined) this.#combined.forget(pane);
    this.#table.drop(start);
    this.#expected.delete(start);
  }
}

const key: fc.Arbitrary<Key> = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 40 }) },
  fc.constantFrom<Key>("a", "b", 1.5, 2 ** 40),
);

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ add: fc.array(key, { maxLength: 20 }), ahead: fc.integer({ min: 0, max: 3 }) }) },
  fc.record({
    add: fc.array(key, { maxLength: 5 }),
    ahead: fc.integer({ min: 0, max: 3 }),
    restored: fc.constant(true),
  }),
  { weight: 2, arbitrary: fc.constant("fire" as const) },
  fc.record({ search: fc.integer({ min: 0, max: 3 }) }),
);

for (const [name, columns] of Object.entries({ counts, sums })) {
  test(`windows of ${name} are what their panes hold, in whatever order records, searches and windows come`, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const subject = new Subject(columns);
        let first = 0;
        for (const each of steps) {
          if (each === "fire") {
            subject.fire([first, first + 1, first + 2]);
            subject.drop(first++);
          } else if ("search" in each) subject.search(first + each.search);
          else subject.add(first + each.ahead, each.add, "restored" in each);
        }
        for (let i = 0; i < 4; i++) {
          subject.fire([first, first + 1, first + 2]);
          subject.drop(first++);
        }
      }),
    );
  });
}

test("places that are given out anew, as most keys have gone, are those of all panes that are left", () => {
  const subject = new Subject(counts);
  const keysOf = (from: number): number[] => Array.from({ length: 900 }, (_, i) => from + i);
  for (let pane = 0; pane < 30; pane++) {
    // As many as a pane gives its memory back for when it is dropped.
    subject.add(pane, keysOf(pane * 500));
    subject.add(pane, keysOf(pane * 500 + 450));
    subject.add(pane + 1, keysOf(pane * 500 + 7).slice(0, 50));
    if (pane < 2) continue;
    subject.fire([pane - 2, pane - 1, pane]);
    subject.drop(pane - 2);
    subject.search(pane);
  }
});
