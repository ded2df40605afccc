import { describe, expect, test } from "vitest";
import { listState, mapState, outputTag, type ProcessFunction, reducingState, valueState } from "../../index.ts";
import { type OperatorHarness, openHarness, VirtualClock } from "../../runtime/testing/index.ts";
import { driveInEveryWay, type Step } from "./drive.ts";

interface Click {
  readonly user: string;
  readonly page: string;
}

const click = (user: string, page: string, timestamp: number): Step<Click> => [{ user, page }, timestamp];

describe("state belongs to the key", () => {
  test("a value", async () => {
    const { records } = await driveInEveryWay<Click, string>(
      (input) =>
        input.keyBy("user").process("count", {
          state: { count: valueState<number>(0) },
          process({ user }, { state }) {
            state.count.update((count) => (count ?? 0) + 1);
            return [`${user}${state.count.get()}`];
          },
        }),
      [click("a", "x", 1), click("b", "x", 2), click("a", "x", 3)],
    );
    expect(records).toEqual(["a1", "b1", "a2"]);
  });

  test("a list", async () => {
    const { records } = await driveInEveryWay<Click, string>(
      (input) =>
        input.keyBy("user").process("pages", {
          state: { pages: listState<string>() },
          process({ page }, { state }) {
            if (page === "home") state.pages.clear();
            state.pages.add(page);
            return [state.pages.get().join()];
          },
        }),
      [click("a", "x", 1), click("b", "z", 2), click("a", "y", 3), click("a", "home", 4), click("a", "x", 5)],
    );
    expect(records).toEqual(["x", "z", "x,y", "home", "home,x"]);
  });

  test("a map", async () => {
    const { records } = await driveInEveryWay<Click, string>(
      (input) =>
        input.keyBy("user").process("pages", {
          state: { counts: mapState<string, number>() },
          process({ page }, { state: { counts } }) {
            if (page === "forget") counts.remove("x");
            else counts.put(page, (counts.get(page) ?? 0) + 1);
            return [[...counts.entries()].map(([name, count]) => `${name}${count}`).join()];
          },
        }),
      [click("a", "x", 1), click("a", "y", 2), click("a", "x", 3), click("b", "y", 4), click("a", "forget", 5)],
    );
    expect(records).toEqual(["x1", "x1,y1", "x2,y1", "y1", "y1"]);
  });

  test("a reduced value", async () => {
    const { records } = await driveInEveryWay<Click, string>(
      (input) =>
        input.keyBy("user").process("longest", {
          state: { longest: reducingState<string>((a, b) => (b.length > a.length ? b : a)) },
          process({ page }, { state: { longest } }) {
            longest.add(page);
            return [longest.get() ?? "none"];
          },
        }),
      [click("a", "xx", 1), click("a", "y", 2), click("b", "z", 3), click("a", "zzz", 4)],
    );
    expect(records).toEqual(["xx", "xx", "z", "zzz"]);
  });

  test("it can be looked at from outside", async () => {
    const count = valueState<number>();
    const harness = await openHarness<Click, never>((input) =>
      input.keyBy("user").process("count", {
        state: { count },
        process(_, { state }) {
          state.count.update((n) => (n ?? 0) + 1);
        },
      }),
    );
    harness.pushBatch([
      [{ user: "a", page: "x" }, 1],
      [{ user: "a", page: "y" }, 2],
    ]);
    expect(harness.state("a", "count", count).get()).toBe(2);
    expect(harness.state("b", "count", count).get()).toBeUndefined();
  });

  test("values of the state cannot be changed in place", async () => {
    const harness = await openHarness<Click, never>((input) =>
      input.keyBy("user").process("pages", {
        state: { pages: valueState<{ names: string[] }>() },
        process({ page }, { state }) {
          const { names } = (state.pages.get() ?? { names: [] }) as { names: string[] };
          names.push(page);
          state.pages.set({ names });
        },
      }),
    );
    harness.push({ user: "a", page: "x" });
    expect(() => harness.push({ user: "a", page: "y" })).toThrow(/"pages" threw TypeError: Cannot add property 1/);
  });
});

/** Remembers each record's page and emits it at a timer. */
function later(
  domain: "event" | "processing",
  delayMs: number,
): ProcessFunction<Click, string, { pages: ReturnType<typeof listState<string>> }, string> {
  return {
    state: { pages: listState<string>() },
    process({ page }, { state, timers, timestamp, runtime }) {
      state.pages.add(page);
      timers.register(domain, (domain === "event" ? timestamp : runtime.clock.now()) + delayMs);
    },
    *onTimer({ timestamp }, { key, state }) {
      for (const page of state.pages.get()) yield `${key}:${page}@${timestamp}`;
      state.pages.clear();
    },
  };
}

describe("timers", () => {
  test("of event time fire when the watermark has come to them, in order, before it goes on", async () => {
    const { elements } = await driveInEveryWay<Click, string>(
      (input) => input.keyBy("user").process("later", later("event", 10)),
      [
        click("a", "x", 5),
        click("b", "y", 1),
        click("a", "z", 2),
        { watermark: 10 },
        { watermark: 11 },
        { watermark: 30 },
      ],
    );
    expect(
      elements.map((element) =>
        element.kind === "record"
          ? [element.value, element.timestamp]
          : "timestamp" in element
            ? element.timestamp
            : element.kind,
      ),
    ).toEqual([10, ["b:y@11", 11], 11, ["a:x@12", 12], ["a:z@12", 12], 30]);
  });

  test("of processing time fire when the clock has come to them", async () => {
    const { records } = await driveInEveryWay<Click, string>(
      (input) => input.keyBy("user").process("later", later("processing", 10)),
      [
        click("a", "x", 0),
        { advanceTime: 5 },
        click("b", "y", 0),
        { advanceTime: 5 },
        click("a", "z", 0),
        { advanceTime: 100 },
      ],
    );
    expect(records).toEqual(["a:x@10", "b:y@15", "a:z@20"]);
  });

  test("an earlier timer fires first, and each only once", async () => {
    const { records } = await driveInEveryWay<number, string>(
      (input) =>
        input
          .keyBy(() => "all")
          .process("ring", {
            process: (at, { timers }) => timers.register("processing", at),
            onTimer: ({ timestamp }, { runtime }) => [`${timestamp} at ${runtime.clock.now()}`],
          }),
      [[30], [20], [30], [10], { advanceTime: 15 }, [25], { advanceTime: 100 }],
    );
    expect(records).toEqual(["10 at 10", "20 at 20", "25 at 25", "30 at 30"]);
  });

  test("a timer may register the next one", async () => {
    const { records } = await driveInEveryWay<number, number>(
      (input) =>
        input
          .keyBy(() => "all")
          .process("tick", {
            process: (_, { timers, timestamp }) => timers.register("event", timestamp),
            onTimer({ timestamp }, { timers }) {
              if (timestamp < 30) timers.register("event", timestamp + 10);
              return [timestamp];
            },
          }),
      [[0, 5], { watermark: 20 }, { watermark: 100 }],
    );
    expect(records).toEqual([5, 15, 25, 35]);
  });

  test("a deleted timer does not fire", async () => {
    const { records } = await driveInEveryWay<"set" | "unset", number>(
      (input) =>
        input
          .keyBy(() => "all")
          .process("ring", {
            process: (what, { timers }) => timers[what === "set" ? "register" : "delete"]("event", 10),
            onTimer: ({ timestamp }) => [timestamp],
          }),
      [["set"], ["unset"], { watermark: 20 }, ["set"], { watermark: 21 }],
    );
    expect(records).toEqual([10]);
  });

  test("those of processing time are not forgotten over a restart in which nothing comes", async () => {
    const build = (input: Parameters<Parameters<typeof openHarness<Click, string>>[0]>[0]) =>
      input.keyBy("user").process("later", later("processing", 10));
    const clock = new VirtualClock();
    const before = await openHarness<Click, string>(build, { clock });
    before.push({ user: "a", page: "x" });
    const after = await openHarness<Click, string>(build, { clock, restore: [before.snapshot()] });
    after.advanceTime(10);
    expect(after.records).toEqual(["a:x@10"]);
  });
});

test("a generator keeps key, state and time while it is suspended", async () => {
  const { records, timestamps } = await driveInEveryWay<Click, string>(
    (input) =>
      input.keyBy("user").process("slow", {
        state: { steps: valueState<number>(0) },
        *process(_, context) {
          for (let i = 0; i < 3; i++) {
            context.state.steps.update((steps) => (steps ?? 0) + 1);
            yield `${context.key}${context.state.steps.get()}@${context.timestamp}`;
          }
        },
      }),
    [click("a", "x", 1), click("b", "x", 2), click("a", "x", 3)],
  );
  expect(records).toEqual(["a1@1", "a2@1", "a3@1", "b1@2", "b2@2", "b3@2", "a4@3", "a5@3", "a6@3"]);
  expect(timestamps).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3]);
});

test("process without a key emits any number of records and side outputs", async () => {
  const odd = outputTag<number>("odd");
  const { records, sides } = await driveInEveryWay<number, number>(
    (input) =>
      input.process("split", {
        process(n, context) {
          if (n % 2 !== 0) context.side(odd, n);
          return n % 2 === 0 ? [n] : [];
        },
      }),
    [
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 4],
    ],
    { sides: [odd as never] },
  );
  expect(records).toEqual([2, 4]);
  expect(sides).toEqual({ odd: [1, 3] });
});

test("what goes into a side output that nobody reads is counted", async () => {
  const lost = outputTag<number>("lost");
  const harness = await openHarness<number, number>((input) =>
    input.process("drop", { process: (n, context) => context.side(lost, n) }),
  );
  harness.pushBatch([
    [1, 0],
    [2, 0],
  ]);
  expect(harness.metrics().counters).toEqual({ "unread.lost": 2 });
});

test("the context knows the watermark", async () => {
  const { records } = await driveInEveryWay<number, number>(
    (input) => input.process("see", { process: (_, { watermark }) => [watermark] }),
    [[1], { watermark: 5 }, [1], { watermark: 7 }, [1]],
  );
  expect(records).toEqual([Number.NEGATIVE_INFINITY, 5, 7]);
});

test("state and timers move with their key groups to another parallelism", async () => {
  const build = (input: Parameters<Parameters<typeof openHarness<Click, string>>[0]>[0]) =>
    input.keyBy("user").process("later", later("event", 100));
  const users = Array.from({ length: 40 }, (_, i) => `user ${i}`);
  const open = (subtask: number, parallelism: number, restore: readonly OperatorHarness<Click, string>[]) =>
    openHarness<Click, string>(build, {
      subtask,
      parallelism,
      keyGroups: 8,
      restore: restore.map((harness) => harness.snapshot()),
    });
  const single = await openHarness<Click, string>(build, { keyGroups: 8 });
  single.pushBatch(users.map((user) => [{ user, page: "x" }, 0]));

  const thirds = await Promise.all([0, 1, 2].map((subtask) => open(subtask, 3, [single])));
  const halves = await Promise.all([0, 1].map((subtask) => open(subtask, 2, thirds)));
  for (const half of halves) half.watermark(100);

  const counts = halves.map((half) => half.records.length);
  expect(Math.min(...counts)).toBeGreaterThan(0);
  expect(halves.flatMap((half) => half.records).sort()).toEqual(users.map((user) => `${user}:x@100`).sort());
});
