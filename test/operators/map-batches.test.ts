import { describe, expect, test } from "vitest";
import type { ArrowBatch, DataStream, MapBatchesOptions } from "../../index.ts";
import { openHarness } from "../../runtime/testing/index.ts";
import { type Driven, drive, type Step } from "./drive.ts";

interface Row {
  readonly x: number;
}

const schema = { x: "float64" } as const;
const xs = (batch: ArrowBatch): number[] => Array.from(batch.getChild("x")?.toArray() ?? []) as number[];
const doubled = (batch: ArrowBatch): Row[] => xs(batch).map((x) => ({ x: 2 * x }));
const soon = async <T>(value: T): Promise<T> => {
  await new Promise((resolve) => setImmediate(resolve));
  return value;
};

function mapped(options: Partial<MapBatchesOptions<Row>> & Pick<MapBatchesOptions<Row>, "process">) {
  return (input: DataStream<Row>) => input.mapBatches<Row>("model", { schema, ...options });
}

const steps: readonly Step<Row>[] = [
  [{ x: 1 }, 10],
  [{ x: 2 }, 20],
  { watermark: 20 },
  [{ x: 3 }, 30],
  { watermark: 30 },
];
const short = <O extends Row>({ elements }: Driven<O>) =>
  elements.map((element) =>
    element.kind === "record" ? element.value.x : "timestamp" in element ? `w${element.timestamp}` : element.kind,
  );

describe.each([
  ["that returns rows", doubled],
  [
    "that returns a generator",
    function* (batch: ArrowBatch) {
      yield* doubled(batch);
    },
  ],
  ["that returns a promise of rows", (batch: ArrowBatch) => soon(doubled(batch))],
  ["that returns the batch", (batch: ArrowBatch) => batch],
])("a function %s", (name, process) => {
  const expected = name.endsWith("the batch") ? [1, 2, "w20", 3, "w30"] : [2, 4, "w20", 6, "w30"];

  test.each([
    ["with room", undefined],
    ["with a full output", 1],
  ])("emits in order, %s", async (_, blockEvery) => {
    expect(short(await drive(mapped({ process }), steps, blockEvery === undefined ? {} : { blockEvery }))).toEqual(
      expected,
    );
  });
});

test("a batch ends when it is full, at a watermark, at the end of the input's batch, and when the input pauses", async () => {
  const sizes: number[] = [];
  const harness = await openHarness<Row, Row>(
    mapped({
      maxRows: 3,
      process: (batch) => {
        sizes.push(batch.numRows);
        return batch as never;
      },
    }),
  );
  harness.pushBatch(Array.from({ length: 7 }, (_, x) => [{ x }, x]));
  expect(sizes).toEqual([3, 3, 1]);
  expect(harness.records.map(({ x }) => x)).toEqual([0, 1, 2, 3, 4, 5, 6]);
});

test("results have the time of the latest record of their batch, and of no earlier one", async () => {
  const { timestamps } = await drive(mapped({ process: doubled }), [
    [{ x: 1 }, 50],
    [{ x: 2 }, 20],
    [{ x: 3 }, 30],
  ]);
  expect(timestamps).toEqual([50, 20, 30]);
  const harness = await openHarness<Row, Row>(mapped({ process: doubled }));
  harness.pushBatch([
    [{ x: 1 }, 5],
    [{ x: 2 }, 9],
    [{ x: 3 }, 7],
  ]);
  expect(harness.elements).toMatchObject([{ timestamp: 9 }, { timestamp: 9 }, { timestamp: 9 }]);
});

test("a row-wise function's results have the times of their rows", async () => {
  const harness = await openHarness<Row, Row>(mapped({ rowWise: true, process: doubled }));
  harness.pushBatch([
    [{ x: 1 }, 5],
    [{ x: 2 }, 9],
    [{ x: 3 }, 7],
  ]);
  expect(harness.elements).toMatchObject([{ timestamp: 5 }, { timestamp: 9 }, { timestamp: 7 }]);
});

test.each([
  ["too few", 1],
  ["too many", 3],
])("a row-wise function with %s results is refused", async (_, results) => {
  const harness = await openHarness<Row, Row>(
    mapped({ rowWise: true, process: () => Array.from({ length: results }, () => ({ x: 0 })) }),
  );
  expect(() =>
    harness.pushBatch([
      [{ x: 1 }, 5],
      [{ x: 2 }, 9],
    ]),
  ).toThrow(/row-wise batch function of "model" returned .* for 2 rows; it must return exactly one/);
});

test("nothing comes in, and nothing goes by, until a promise settles", async () => {
  const first = Promise.withResolvers<Row[]>();
  const started: number[][] = [];
  const harness = await openHarness<Row, Row>((input) =>
    mapped({
      maxRows: 1,
      process: (batch) => {
        started.push(xs(batch));
        return started.length === 1 ? first.promise : doubled(batch);
      },
    })(input.flatMap(({ x }) => [{ x }, { x: x + 1 }])),
  );
  harness.push({ x: 1 });
  harness.watermark(5);
  expect(harness.isOpen).toBe(false);
  expect(started).toEqual([[1]]);
  first.resolve([{ x: 100 }]);
  await harness.settled();
  expect(started).toEqual([[1], [2]]);
  expect(harness.elements.map((element) => (element.kind === "record" ? element.value.x : element.kind))).toEqual([
    100,
    4,
    "watermark",
  ]);
});

test("a promise that never settles fails at the timeout, by the function's name", async () => {
  const harness = await openHarness<Row, Row>(mapped({ timeout: "5s", process: () => new Promise(() => {}) }));
  harness.push({ x: 1 });
  harness.advanceTime(4999);
  expect(harness.isOpen).toBe(false);
  harness.advanceTime(1);
  await expect(harness.settled()).rejects.toMatchObject({
    code: "TIMEOUT",
    operator: "model",
    message: expect.stringMatching(/the batch function of "model" did not settle within 5000 ms.*longer timeout/),
  });
});

test("a promise that settled in time never times out", async () => {
  const harness = await openHarness<Row, Row>(mapped({ timeout: "5s", process: (batch) => soon(doubled(batch)) }));
  for (let x = 0; x < 5; x++) {
    harness.push({ x });
    await harness.settled();
    harness.advanceTime(3000);
  }
  expect(harness.records).toHaveLength(5);
});

test("a rejection is the function's failure, with its cause", async () => {
  const cause = new RangeError("no model");
  const harness = await openHarness<Row, Row>(mapped({ process: () => Promise.reject(cause) }));
  harness.push({ x: 1 });
  await expect(harness.settled()).rejects.toMatchObject({ code: "USER_FUNCTION", operator: "model", cause });
});

test.each([
  ["nothing", undefined, "undefined"],
  ["null", null, "null"],
  ["a number", 5, "a number"],
  ["a single record", { x: 1 }, "an object"],
])("a function that returns %s is told what to return", async (_, returned, came) => {
  const harness = await openHarness<Row, Row>(mapped({ process: () => returned as never }));
  expect(() => harness.push({ x: 1 })).toThrow(
    new RegExp(`the batch function of "model" returned ${came}; it must return an array`),
  );
});

test("records that do not fit the schema are refused by the field", async () => {
  const harness = await openHarness<Row, Row>(mapped({ process: doubled }));
  expect(() => harness.push({ x: "text" as never })).toThrow(
    /field "x" of a record for "model" is a string, but its schema declares float64/,
  );
});
