import fc from "fast-check";
import { expect, test } from "vitest";
import { openHarness } from "../../runtime/testing/index.ts";
import { driveInEveryWay } from "./drive.ts";

test("map makes one record of each and keeps its time", async () => {
  const { records, timestamps } = await driveInEveryWay<number, string>(
    (input) => input.map((n) => `n${n}`),
    [[1, 10], [2, 20], [3]],
  );
  expect(records).toEqual(["n1", "n2", "n3"]);
  expect(timestamps).toEqual([10, 20, Number.NEGATIVE_INFINITY]);
});

test("filter keeps the records for which it is true", async () => {
  const { records } = await driveInEveryWay<number, number>(
    (input) => input.filter((n) => n % 2 === 0),
    [[1], [2], [3], [4]],
  );
  expect(records).toEqual([2, 4]);
});

test("any run of maps and filters is the composition of its functions", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("map" as const), by: fc.integer({ min: -5, max: 5 }) }),
    fc.record({ kind: fc.constant("filter" as const), by: fc.integer({ min: 2, max: 4 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), fc.array(fc.integer()), async (run, numbers) => {
      // Without freezing, as only then the steps become one function.
      const harness = await openHarness<number, number>(
        (input) =>
          run.reduce(
            (stream, { kind, by }) => (kind === "map" ? stream.map((n) => n + by) : stream.filter((n) => n % by === 0)),
            input,
          ),
        { freeze: false },
      );
      harness.pushBatch(numbers.map((n) => [n, 0]));
      const expected = run.reduce(
        (rest, { kind, by }) => (kind === "map" ? rest.map((n) => n + by) : rest.filter((n) => n % by === 0)),
        numbers,
      );
      expect(harness.records).toEqual(expected);
    }),
    { numRuns: 50 },
  );
});

test("watermarks pass through", async () => {
  const { elements } = await driveInEveryWay<number, number>(
    (input) => input.map((n) => n).filter(() => true),
    [[1, 1], { watermark: 1 }, [2, 2], { watermark: 2 }],
  );
  expect(elements).toEqual([
    { kind: "record", value: 1, timestamp: 1 },
    { kind: "watermark", timestamp: 1 },
    { kind: "record", value: 2, timestamp: 2 },
    { kind: "watermark", timestamp: 2 },
  ]);
});

test("a function as an object is opened before the first record and closed once", async () => {
  const calls: string[] = [];
  const harness = await openHarness<number, number>((input) =>
    input.map({
      open: ({ operator, subtask }) => void calls.push(`open ${operator} ${subtask}`),
      map(n) {
        calls.push(`map ${n}`);
        return n;
      },
      close: () => void calls.push("close"),
    }),
  );
  harness.push(1);
  await harness.close();
  expect(calls).toEqual(["open map 0", "map 1", "close"]);
});

test("one stream may have several consumers, and each gets every record", async () => {
  const seen: string[] = [];
  const harness = await openHarness<number, number>((input) => {
    input.map((n) => seen.push(`left ${n}`)).to({ name: "left", writer: () => ({ write() {} }) });
    input.map((n) => seen.push(`right ${n}`)).to({ name: "right", writer: () => ({ write() {} }) });
  });
  harness.pushBatch([
    [1, 0],
    [2, 0],
  ]);
  expect(seen).toEqual(["left 1", "right 1", "left 2", "right 2"]);
});
