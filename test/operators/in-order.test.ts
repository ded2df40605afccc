import fc from "fast-check";
import { expect, test } from "vitest";
import { type DataStream, inOrder } from "../../index.ts";
import { openHarness } from "../../runtime/testing/index.ts";
import { driveInEveryWay, type Step } from "./drive.ts";

interface Line {
  readonly position: number;
  readonly part?: string;
}

const ordered = (input: DataStream<Line>) =>
  input.keyBy(() => 0).transform("order", inOrder<Line>({ position: ({ position }) => position }));

test("records go out by time and position once the watermark has passed them", async () => {
  const { elements } = await driveInEveryWay(ordered, [
    [{ position: 3 }, 10],
    [{ position: 1 }, 5],
    [{ position: 2 }, 10],
    { watermark: 7 },
    [{ position: 4 }, 12],
    { watermark: 10 },
    { watermark: 20 },
  ]);
  expect(
    elements.map((element) =>
      element.kind === "record" ? element.value.position : "timestamp" in element && `w${element.timestamp}`,
    ),
  ).toEqual([1, "w7", 2, 3, "w10", 4, "w20"]);
});

test("late records are counted and dropped, after a restart too", async () => {
  const { records } = await driveInEveryWay(ordered, [
    [{ position: 2 }, 10],
    { watermark: 10 },
    [{ position: 1 }, 9],
    { watermark: 20 },
  ]);
  expect(records).toEqual([{ position: 2 }]);
  const harness = await openHarness(ordered);
  harness.watermark(10);
  harness.push({ position: 1 }, 10);
  expect(harness.metrics().counters["lateRecords"]).toBe(1);
});

test("any order of coming gives the one order of positions", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.nat(100), { maxLength: 12 }),
      fc.integer({ min: 1, max: 10 }),
      async (positions, perMs) => {
        const steps: Step<Line>[] = [
          ...positions.map((position) => [{ position }, Math.floor(position / perMs)] as const),
          { watermark: 200 },
        ];
        const { records } = await driveInEveryWay(ordered, steps);
        expect(records.map(({ position }) => position)).toEqual(positions.toSorted((a, b) => a - b));
      },
    ),
    { numRuns: 25 },
  );
});

test("two records with one position are refused, or combined", async () => {
  const harness = await openHarness(ordered);
  harness.push({ position: 7 }, 1);
  expect(() => harness.push({ position: 7 }, 1)).toThrow(
    /"order" got two records with the position 7; each needs its own, or give \{ combine \}/,
  );
  const combine = (a: Line, b: Line): Line => ({ ...a, part: `${a.part}${b.part}` });
  const { records } = await driveInEveryWay<Line, Line>(
    (input) =>
      input.keyBy(() => 0).transform("order", inOrder<Line>({ position: ({ position }) => position, combine })),
    [[{ position: 7, part: "a" }, 1], [{ position: 7, part: "b" }, 1], { watermark: 5 }],
  );
  expect(records).toEqual([{ position: 7, part: "ab" }]);
});

test("one order needs one subtask, and event time", async () => {
  await expect(openHarness(ordered, { parallelism: 2 })).rejects.toMatchObject({
    code: "PARALLELISM",
    message: expect.stringContaining('"order" has parallelism 2'),
  });
  const harness = await openHarness(ordered);
  expect(() => harness.push({ position: 1 })).toThrow(
    /"order" got a record without event time; call withTimestamps first/,
  );
});
