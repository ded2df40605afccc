/** Runs on disk: what is written in any order comes back by key and time, however many runs there are. */

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { END_OF_TIME, type Key } from "../../../index.ts";
import { KeyOrder } from "../../../runtime/exchange/sorted/key-order.ts";
import { SortedOutput } from "../../../runtime/exchange/sorted/sorted-output.ts";
import type { Chain } from "../../../runtime/task/chain.ts";
import { SortedInput } from "../../../runtime/task/sorted-input.ts";
import type { SubtaskGate } from "../../../runtime/task/subtask-gate.ts";

interface Row {
  readonly key: Key;
  readonly number: number;
}

const order = new KeyOrder({ select: (row) => (row as Row).key, fields: undefined }, "op");
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-sorted-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What comes back, in order. `closedEvery`: the gate closes behind so many records. */
async function throughDisk(rows: readonly (readonly [Row, number])[], runBytes: number, closedEvery = 0) {
  const failure = (cause: unknown): Error => cause as Error;
  const pathOf = (run: number): string => join(folder, String(run).padStart(6, "0"));
  const output = new SortedOutput({ order, fields: undefined, pathOf, runBytes, failure });
  for (const [row, time] of rows) output.write(row, time);
  output.end();
  const names = readdirSync(folder).sort();
  const back: [Row, number][] = [];
  const gate = { blocked: false };
  const push = (value: unknown, time: number): void => {
    back.push([value as Row, time]);
    if (closedEvery > 0) gate.blocked = back.length % closedEvery === 0;
  };
  const chain = { head: { operator: "op" }, entryOf: () => ({ pushOf: () => push }), batchEnd: () => {} };
  const input = new SortedInput(
    {
      operator: "op",
      runs: names.map((name) => ({ path: join(folder, name), edge: 0, order })),
      ports: new Map([[0, undefined]]),
      mergedPath: (number) => join(folder, `merged-${number}`),
    },
    chain as unknown as Chain,
    gate as SubtaskGate,
  );
  while (input.step() !== "ended") gate.blocked = false;
  await input.close();
  return { back, runs: names.length };
}

/** Of each key: its records by time, those of one time as they were written; keys by their text. */
function byKey(rows: readonly (readonly [Row, number])[]): Map<string, string[]> {
  const keys = Map.groupBy(rows, ([{ key }]) => JSON.stringify(key));
  return new Map(
    [...keys]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, all]) => [
        key,
        all
          .toSorted(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0))
          .map(([{ number }, time]) => `${number} at ${time}`),
      ]),
  );
}

/** Where keys begin anew in a sequence. */
function changesOfKey(rows: readonly (readonly [Row, number])[]): number {
  return rows.filter(([{ key }], i) => i === 0 || JSON.stringify(rows[i - 1]?.[0].key) !== JSON.stringify(key)).length;
}

function expectSorted(back: readonly (readonly [Row, number])[], written: readonly (readonly [Row, number])[]): void {
  const expected = byKey(written);
  expect(changesOfKey(back)).toBe(expected.size);
  const groups = Map.groupBy(back, ([{ key }]) => JSON.stringify(key));
  const come = [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
  expect(new Map(come.map(([key, all]) => [key, all.map(([{ number }, time]) => `${number} at ${time}`)]))).toEqual(
    expected,
  );
}

const keys = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.constantFrom<Key>("", "a", "b", true, [1, 2], [1, "2"], 2 ** 40, 0.5),
);

test("records of a key come together and by time, for keys of all kinds", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(keys, fc.constantFrom(Number.NEGATIVE_INFINITY, -5, 0, 3, 3, 7, END_OF_TIME))),
      fc.nat(5),
      async (given, closedEvery) => {
        const rows = given.map(([key, time], number) => [{ key, number }, time] as const);
        expectSorted((await throughDisk(rows, 1 << 20, closedEvery)).back, rows);
        for (const name of readdirSync(folder)) rmSync(join(folder, name));
      },
    ),
    { numRuns: 40 },
  );
});

test("more runs than are merged at once are merged in several goes, and what is of one time keeps its order", async () => {
  const rows = Array.from({ length: 4500 }, (_, number) => [{ key: (number * 31) % 97, number }, number % 5] as const);
  const { back, runs } = await throughDisk(rows, 1);
  expect(runs).toBeGreaterThan(300);
  expectSorted(back, rows);
});
