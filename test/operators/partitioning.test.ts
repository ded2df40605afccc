import { describe, expect, test } from "vitest";
import {
  collectTo,
  counting,
  type DataStream,
  fromArray,
  outputTag,
  sliding,
  tumbling,
  type WindowResult,
} from "../../index.ts";
import { runEverywhere } from "./run-everywhere.ts";

const numbers = Array.from({ length: 300 }, (_, i) => i);

interface Placed {
  readonly n: number;
  readonly subtask: number;
}

/** Which subtask of the operator behind it gets which record. */
function placed(stream: DataStream<number>, name = "place"): DataStream<Placed> {
  return stream.process(name, { process: (n, { runtime }) => [{ n, subtask: runtime.subtask }] });
}

const sorted = (rows: readonly number[]): number[] => rows.toSorted((a, b) => a - b);
const numbersOf = (rows: readonly Placed[]): number[] => sorted(rows.map(({ n }) => n));
const countsBySubtask = (rows: readonly Placed[]): number[] =>
  [...Map.groupBy(rows, ({ subtask }) => subtask).values()].map((group) => group.length);

describe("each record comes exactly once", () => {
  test("rebalanced: evenly to all subtasks", async () => {
    await runEverywhere(
      (env) => placed(env.from(fromArray(numbers)).rebalance()).to(collectTo("out")),
      ({ rows, parallelism }) => {
        const out = rows<Placed>("out");
        expect(numbersOf(out)).toEqual(numbers);
        const counts = countsBySubtask(out);
        expect(counts).toHaveLength(parallelism);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(parallelism);
      },
    );
  });

  test("rescaled: from few subtasks to many and back", async () => {
    await runEverywhere(
      (env) => {
        const few = env.from(fromArray(numbers), { parallelism: 1 }).rescale();
        const many = placed(few.map((n) => n, { name: "many" }));
        many
          .rescale()
          .map((row) => row, { name: "one", parallelism: 1 })
          .to(collectTo("out"));
      },
      ({ rows, parallelism }) => {
        expect(numbersOf(rows("out"))).toEqual(numbers);
        expect(countsBySubtask(rows("out"))).toHaveLength(parallelism);
      },
    );
  });

  test("global: all to the first subtask", async () => {
    await runEverywhere(
      (env) => placed(env.from(fromArray(numbers)).global()).to(collectTo("out")),
      ({ rows }) => {
        expect(numbersOf(rows("out"))).toEqual(numbers);
        expect(new Set(rows<Placed>("out").map(({ subtask }) => subtask))).toEqual(new Set([0]));
      },
    );
  });

  test("partitioned by a function: where it says", async () => {
    await runEverywhere(
      (env) =>
        placed(env.from(fromArray(numbers)).partitionBy((n, subtasks) => (n * 7) % subtasks)).to(collectTo("out")),
      ({ rows, parallelism }) => {
        expect(numbersOf(rows("out"))).toEqual(numbers);
        for (const { n, subtask } of rows<Placed>("out")) expect(subtask).toBe((n * 7) % parallelism);
      },
    );
  });

  test("keyed: all records of a key to one subtask, in the order of their producer", async () => {
    await runEverywhere(
      (env) => {
        const keyed = env.from(fromArray(numbers), { parallelism: 1 }).keyBy((n) => n % 10);
        keyed.process("place", { process: (n, { runtime }) => [{ n, subtask: runtime.subtask }] }).to(collectTo("out"));
      },
      ({ rows }) => {
        expect(numbersOf(rows("out"))).toEqual(numbers);
        for (const group of Map.groupBy(rows<Placed>("out"), ({ n }) => n % 10).values()) {
          expect(new Set(group.map(({ subtask }) => subtask)).size).toBe(1);
          expect(group.map(({ n }) => n)).toEqual(numbersOf(group));
        }
      },
    );
  });

  test("over a change of parallelism in between", async () => {
    await runEverywhere(
      (env) =>
        env
          .from(fromArray(numbers))
          .map((n) => n + 1, { name: "narrow", parallelism: 1 })
          .map((n) => n - 1)
          .to(collectTo("out")),
      ({ rows }) => expect(sorted(rows("out"))).toEqual(numbers),
    );
  });
});

test("broadcast brings every record to every subtask", async () => {
  await runEverywhere(
    (env) => placed(env.from(fromArray(numbers)).broadcast()).to(collectTo("out")),
    ({ rows, parallelism }) => {
      for (let subtask = 0; subtask < parallelism; subtask++) {
        expect(numbersOf(rows<Placed>("out").filter((row) => row.subtask === subtask))).toEqual(numbers);
      }
      expect(rows("out")).toHaveLength(parallelism * numbers.length);
    },
  );
});

test("a union has the records of all its streams, also of a stream with itself", async () => {
  await runEverywhere(
    (env) => {
      const source = env.from(fromArray(numbers));
      const even = source.filter((n) => n % 2 === 0);
      const odd = source.filter((n) => n % 2 === 1);
      even
        .union(
          odd,
          odd.map((n) => n),
        )
        .to(collectTo("out"));
    },
    ({ rows }) => expect(sorted(rows("out"))).toEqual(sorted([...numbers, ...numbers.filter((n) => n % 2 === 1)])),
  );
});

test("a union's watermark waits for the slowest stream, so nothing is late", async () => {
  await runEverywhere(
    (env) => {
      const slow = env.from(fromArray(numbers, { name: "slow" })).withTimestamps((n) => n, { outOfOrderness: "1h" });
      const fast = env
        .from(fromArray([10_000, 20_000], { name: "fast" }))
        .withTimestamps((n) => n, { outOfOrderness: "1h" });
      slow
        .union(fast)
        .keyBy(() => "all")
        .window(tumbling("100ms"))
        .aggregate("count", counting())
        .to(collectTo("out"));
    },
    ({ rows }) => {
      const out = rows<WindowResult<string, number>>("out").map(({ windowStart, value }) => [windowStart, value]);
      expect(out).toEqual([
        [0, 100],
        [100, 100],
        [200, 100],
        [10_000, 1],
        [20_000, 1],
      ]);
    },
  );
});

test("a side output goes its own way, with the watermark of its operator", async () => {
  const odd = outputTag<number>("odd");
  await runEverywhere(
    (env) => {
      const split = env
        .from(fromArray(numbers), { parallelism: 1 })
        .withTimestamps((n) => n)
        .process("split", {
          process(n, context) {
            if (n % 2 === 1) context.side(odd, n);
            return n % 2 === 1 ? [] : [n];
          },
        });
      split.to(collectTo("even"));
      split
        .sideOutput(odd)
        .keyBy((n) => n % 3)
        .window(tumbling("100ms"))
        .aggregate("count", counting())
        .to(collectTo("odd"));
    },
    ({ rows }) => {
      expect(sorted(rows("even"))).toEqual(numbers.filter((n) => n % 2 === 0));
      const out = rows<WindowResult<number, number>>("odd").map(
        ({ key, windowStart, value }) => `${windowStart} ${key}: ${value}`,
      );
      expect(out.toSorted()).toEqual([
        "0 0: 17",
        "0 1: 17",
        "0 2: 16",
        "100 0: 16",
        "100 1: 17",
        "100 2: 17",
        "200 0: 17",
        "200 1: 16",
        "200 2: 17",
      ]);
    },
  );
});

test("records keep order, time and shape over an exchange", async () => {
  const rows = numbers.map((n) => ({
    n,
    text: `é${n}`,
    big: BigInt(n),
    at: new Date(n),
    list: [n, null],
    inner: n % 2 === 0 ? { n } : null,
  }));
  await runEverywhere(
    (env) =>
      env
        .from(fromArray(rows), { parallelism: 1 })
        .global()
        .map((row) => row)
        .to(collectTo("out")),
    ({ rows: out }) => expect(out("out")).toEqual(rows),
  );
});

test("windowed counts do not depend on parallelism or order", async () => {
  const clicks = Array.from({ length: 500 }, (_, i) => ({ item: `item ${(i * 7) % 13}`, at: i * 3 + ((i * 31) % 40) }));
  const expected = new Map<string, number>();
  for (const { item, at } of clicks) {
    for (const start of [Math.floor(at / 50) * 50, Math.floor(at / 50) * 50 - 50]) {
      expected.set(`${item} ${start}`, (expected.get(`${item} ${start}`) ?? 0) + 1);
    }
  }
  await runEverywhere(
    (env) =>
      env
        .from(fromArray(clicks))
        .withTimestamps(({ at }) => at, { outOfOrderness: "1d" })
        .keyBy("item")
        .window(sliding("100ms", "50ms"))
        .aggregate("count", counting())
        .to(collectTo("out")),
    ({ rows }) => {
      const out = rows<WindowResult<string, number>>("out").map(
        ({ key, windowStart, value }) => [`${key} ${windowStart}`, value] as const,
      );
      expect(out).toHaveLength(expected.size);
      expect(new Map(out)).toEqual(expected);
    },
  );
});
