import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  averaging,
  counting,
  type DataStream,
  maximum,
  minimum,
  sliding,
  summing,
  tumbling,
  type WindowResult,
} from "../../index.ts";
import { driveInEveryWay } from "./drive.ts";

interface Reading {
  readonly key: string;
  readonly value: number;
}

const kinds = [
  ["counting", counting<Reading>, (all: readonly number[]) => all.length],
  ["summing", () => summing<Reading>("value"), (all: readonly number[]) => all.reduce((a, b) => a + b)],
  ["minimum", () => minimum<Reading>("value"), (all: readonly number[]) => Math.min(...all)],
  ["maximum", () => maximum<Reading>(({ value }) => value), (all: readonly number[]) => Math.max(...all)],
  [
    "averaging",
    () => averaging<Reading>("value"),
    (all: readonly number[]) => all.reduce((a, b) => a + b) / all.length,
  ],
] as const;

describe.each(kinds)("%s", (_, aggregate, expected) => {
  const numbers = fc.array(
    fc.oneof(fc.integer({ min: -1000, max: 1000 }), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY)),
    { minLength: 1, maxLength: 8 },
  );

  test.each([
    ["in a tumbling window", tumbling("10ms")],
    ["merged over the panes of a sliding window", sliding("10ms", "2ms", { offset: "1ms" })],
  ])("%s", async (_name, window) => {
    await fc.assert(
      fc.asyncProperty(numbers, async (all) => {
        const { records } = await driveInEveryWay<Reading, WindowResult<string, number>>(
          (input: DataStream<Reading>) => input.keyBy("key").window(window).aggregate("aggregate", aggregate()),
          [...all.map((value, i) => [{ key: "a", value }, 1 + (i % 9)] as const), { watermark: 100 }],
        );
        const { value } = records.find(
          ({ windowStart }) => windowStart === (window.kind === "tumbling" ? 0 : 1),
        ) as WindowResult<string, number>;
        const inWindow = all.filter((_value, i) => (window.kind === "tumbling" ? true : 1 + (i % 9) < 11));
        expect(value).toBe(expected(inWindow));
      }),
      { numRuns: 8 },
    );
  });
});

test("a value aggregate keeps any accumulator", async () => {
  const { records } = await driveInEveryWay<Reading, WindowResult<string, number[]>>(
    (input) =>
      input
        .keyBy("key")
        .window(sliding("20ms", "10ms"))
        .aggregate("values", {
          create: () => ({ values: [] as number[] }),
          add: (accumulator, { value }) => {
            accumulator.values.push(value);
            return accumulator;
          },
          merge: (into, from) => {
            into.values.push(...from.values);
            return into;
          },
          result: ({ values }) => [...values],
        }),
    [
      [{ key: "a", value: 1 }, 5],
      [{ key: "a", value: 2 }, 15],
      [{ key: "a", value: 3 }, 6],
      { watermark: 19 },
      [{ key: "a", value: 4 }, 12],
      { watermark: 100 },
    ],
  );
  expect(records.map(({ windowStart, value }) => [windowStart, value])).toEqual([
    [-10, [1, 3]],
    [0, [1, 3, 2]],
    [10, [2, 4]],
  ]);
});
