import { describe, expect, test } from "vitest";
import {
  type DataStream,
  listState,
  type OperatorFactory,
  outputTag,
  summing,
  tumbling,
  valueState,
} from "../../../index.ts";
import { openHarness, openOperator, openTwoInputHarness } from "../../../runtime/testing/index.ts";

const twice: OperatorFactory<number, number> = ({ output }) => ({
  process(value, timestamp) {
    output.push(value, timestamp);
    output.push(value, timestamp);
  },
});

test("drives an operator by its contract, or what the fluent API appends to a stream", async () => {
  const operator = await openOperator(twice);
  operator.push(1, 5);
  expect(operator.elements).toEqual([
    { kind: "record", value: 1, timestamp: 5 },
    { kind: "record", value: 1, timestamp: 5 },
  ]);
  const chain = await openHarness<number, string>((input) => input.filter((n) => n > 1).map((n) => `n${n}`));
  chain.pushBatch([
    [1, 0],
    [2, 0],
  ]);
  expect(chain.records).toEqual(["n2"]);
});

test("shows records, watermarks and the end, all of them or since the last look", async () => {
  const harness = await openOperator(twice);
  harness.push(1, 5);
  harness.watermark(5);
  expect(harness.take()).toHaveLength(3);
  harness.finish();
  expect(harness.take().map(({ kind }) => kind)).toEqual(["watermark", "end"]);
  expect(harness.watermarks).toEqual([]);
});

test("shows side outputs, metrics, logs and what sinks collect", async () => {
  const odd = outputTag<number>("odd");
  const harness = await openHarness<number, number>(
    (input) =>
      input.process("split", {
        process(n, { side, runtime }) {
          runtime.metrics.counter("seen").add();
          runtime.log.log("info", "saw", { n });
          side(odd, n);
        },
      }),
    { sides: [odd as never] },
  );
  harness.push(7);
  expect(harness.side(odd)).toEqual([7]);
  expect(harness.metrics("split").counters).toEqual({ seen: 1 });
  expect(harness.logs).toEqual([{ level: "info", message: "saw", fields: { operator: "split", n: 7 } }]);
});

const seen = listState<number>();

describe("a snapshot", () => {
  const remember = (input: DataStream<number>) =>
    input
      .keyBy((n) => n % 10)
      .process("remember", {
        state: { seen },
        process(n, { state }) {
          state.seen.add(n);
          return [n];
        },
      });

  test("does not change with the operator that it was taken of", async () => {
    const harness = await openHarness(remember);
    harness.push(1);
    const snapshot = harness.snapshot();
    harness.push(11);
    const restored = await openHarness(remember, { restore: [snapshot] });
    expect(restored.state(1, "seen", seen).get()).toEqual([1]);
    expect(harness.state(1, "seen", seen).get()).toEqual([1, 11]);
  });

  test("is dealt out by key groups", async () => {
    const harness = await openHarness(remember, { keyGroups: 4 });
    for (let n = 0; n < 30; n++) harness.push(n);
    const owners: number[][] = [];
    for (const subtask of [0, 1, 2]) {
      const part = await openHarness(remember, {
        keyGroups: 4,
        subtask,
        parallelism: 3,
        restore: [harness.snapshot()],
      });
      owners.push(Array.from({ length: 10 }, (_, key) => key).filter((key) => stateOf(part, key).length === 3));
    }
    expect(owners.flat().toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  function stateOf(harness: Awaited<ReturnType<typeof openHarness<number, number>>>, key: number): readonly number[] {
    try {
      return harness.state(key, "seen", seen).get();
    } catch {
      return []; // of another subtask's key group
    }
  }

  test("of operator state is dealt out by element, or given to all", async () => {
    const lists =
      (mode: "split" | "replicated"): OperatorFactory<string, readonly string[]> =>
      ({ operatorState, output }) => {
        const held: string[] = [...operatorState.list<string>("held", mode, () => held)];
        return {
          process(value, timestamp) {
            if (value === "show") output.push([...held], timestamp);
            else held.push(value);
          },
        };
      };
    for (const [mode, expected] of [
      ["split", [["a", "c"], ["b"]]],
      [
        "replicated",
        [
          ["a", "b", "c"],
          ["a", "b", "c"],
        ],
      ],
    ] as const) {
      const whole = await openOperator(lists(mode));
      for (const value of ["a", "b", "c"]) whole.push(value);
      const halves = await Promise.all(
        [0, 1].map((subtask) => openOperator(lists(mode), { subtask, parallelism: 2, restore: [whole.snapshot()] })),
      );
      for (const half of halves) half.push("show");
      expect(halves.map((half) => half.records[0])).toEqual(expected);
    }
  });

  test("is refused while an operator awaits something", async () => {
    const harness = await openHarness<{ n: number }, number>((input) =>
      input.mapBatches("model", { schema: { n: "float64" }, process: () => new Promise<number[]>(() => {}) }),
    );
    harness.push({ n: 1 });
    expect(() => harness.snapshot()).toThrow(/between records/);
  });
});

test("state of another key does not shine through", async () => {
  const last = valueState<number>();
  const harness = await openHarness<number, number>((input) =>
    input
      .keyBy((n) => n % 2)
      .process("last", {
        state: { last },
        process(n, { state }) {
          const before = state.last.get();
          state.last.set(n);
          return before === undefined ? [] : [before];
        },
      }),
  );
  for (const n of [1, 2, 3, 4]) harness.push(n);
  expect(harness.records).toEqual([1, 2]);
});

test("shows which keys have state and which timers are due, and changes neither by looking", async () => {
  const harness = await openHarness<number, string>((input) =>
    input
      .keyBy((n) => n % 3)
      .process("due", {
        state: { seen },
        process(n, { state, timers }) {
          state.seen.add(n);
          timers.register("event", 100 - n);
          if (n > 5) timers.register("processing", n);
        },
        onTimer: ({ key, timestamp }) => [`${key} at ${timestamp}`],
      }),
  );
  for (const n of [1, 4, 2, 6]) harness.push(n, 0);
  expect(harness.keys("seen").toSorted()).toEqual([0, 1, 2]);
  for (let look = 0; look < 2; look++) {
    expect(harness.timers("event").map(({ key, timestamp }) => [key, timestamp])).toEqual([
      [0, 94],
      [1, 96],
      [2, 98],
      [1, 99],
    ]);
  }
  expect(harness.timers("processing", "due")).toEqual([{ key: 0, domain: "processing", timestamp: 6 }]);
  harness.watermark(96);
  expect(harness.records).toEqual(["0 at 94", "1 at 96"]);
  expect(harness.timers("event")).toHaveLength(2);
});

describe("event time of several channels", () => {
  const sums = (input: DataStream<number>) =>
    input
      .keyBy((n) => n % 2)
      .window(tumbling("10ms"))
      .aggregate(
        "sums",
        summing((n: number) => n),
      )
      .map(({ value }) => value);

  test("is that of the slowest which is not idle, and never falls", async () => {
    const harness = await openHarness(sums, { channels: 3 });
    harness.push(2, 1);
    for (const channel of [0, 2]) harness.watermark(20, channel);
    expect(harness.records).toEqual([]);
    harness.idle(true, 1);
    expect(harness.elements.map(({ kind }) => kind)).toEqual(["record", "watermark"]);
    harness.idle(false, 1);
    harness.watermark(5, 1);
    harness.push(4, 3);
    expect(harness.records).toEqual([2]);
    expect(harness.metrics("sums").counters["lateRecords"]).toBe(1);
    harness.finish();
    expect(harness.elements.at(-1)?.kind).toBe("end");
  });

  test("of two inputs are as many for each", async () => {
    const harness = await openTwoInputHarness<number, number, string>(
      (one, other) =>
        one
          .keyBy((n) => n)
          .connect(other.keyBy((n) => n))
          .intervalJoin("late", { lower: "0ms", upper: "1ms", type: "left", join: (a, b) => `${a} ${b}` }),
      { channels: 2 },
    );
    harness.push(1, 10);
    for (const channel of [0, 1]) harness.watermark(50, channel);
    harness.watermark2(50, 0);
    expect(harness.records).toEqual([]);
    harness.watermark2(10, 1);
    expect(harness.records).toEqual([]);
    harness.idle2(true, 1);
    expect(harness.records).toEqual(["1 undefined"]);
  });

  test("idleness of an only channel says nothing, and is refused", async () => {
    const harness = await openHarness(sums);
    expect(() => harness.idle(true)).toThrow(/one of several channels/);
  });
});
