/** Operators that are asked for what they cannot do say so when the graph is built, or at the first record that shows it. */

import { describe, expect, test } from "vitest";
import {
  continuousEventTimeTrigger,
  counting,
  countTrigger,
  type DataStream,
  deltaEvictor,
  deltaTrigger,
  earlyAndLateTrigger,
  eventTimeTrigger,
  globalWindow,
  type KeyedStream,
  pattern,
  purgingTrigger,
  session,
  sliding,
  type Trigger,
  tumbling,
} from "../../index.ts";
import { openHarness, openTwoInputHarness } from "../../runtime/testing/index.ts";

interface Reading {
  readonly key: string;
  readonly value: number;
}

type Keyed = KeyedStream<Reading, string>;
// biome-ignore lint/suspicious/noExplicitAny: programs without types
type Untyped = any;

const opened = (build: (stream: Keyed) => unknown) =>
  openHarness<Reading, unknown>((input) => build(input.keyBy("key")) as DataStream<unknown>);
const openedWithTwo = (build: (left: Keyed, right: Keyed) => unknown) =>
  openTwoInputHarness<Reading, Reading, unknown>(
    (left, right) => build(left.keyBy("key"), right.keyBy("key")) as DataStream<unknown>,
  );
const byClock = tumbling("10ms", { time: "processing" });
const own = (given: object): Trigger<unknown, null> =>
  ({ name: "own", create: () => null, onRecord: () => "fire", ...given }) as Trigger<unknown, null>;

describe("windows", () => {
  test.each<[string, (stream: Keyed) => unknown, RegExp]>([
    ["nothing for windows", (s) => s.window(undefined as Untyped), /window expects windows such as tumbling\("1m"\)/],
    [
      "more windows than a record may be in",
      (s) => s.window(sliding("1d", "1ms")),
      /sliding window of 86400000 ms by 1 ms has 86400000 windows for each record/,
    ],
    [
      "what is no aggregate",
      (s) => s.window(tumbling("1s")).aggregate("n", {} as Untyped),
      /"n" expects a function create/,
    ],
    [
      "no function",
      (s) => s.window(tumbling("1s")).process("n", (() => []) as Untyped),
      /"n" expects a function process/,
    ],
    ["what does not reduce", (s) => s.reduce("n", {} as Untyped), /"n" expects a function reduce, got a object/],
    [
      "no trigger",
      (s) => s.window(tumbling("1s")).trigger(undefined as Untyped),
      /"trigger" expects a function create/,
    ],
    ["no evictor", (s) => s.window(tumbling("1s")).evictor(undefined as Untyped), /neither before\(\) nor after\(\)/],
    [
      "a trigger that waits",
      (s) => s.window(tumbling("1s")).trigger(own({ onRecord: async () => "fire" })),
      /the onRecord function of "own" returned a promise/,
    ],
    [
      "an unknown way of aggregating before the shuffle, also of sessions",
      (s) => s.window(session("1s"), { preAggregate: "all" as Untyped }).aggregate("n", counting()),
      /preAggregate of "n" must be one of true, false, hotKeys, underPressure, got all/,
    ],
    [
      "no difference",
      () => deltaTrigger(Number.NaN, () => 1),
      /deltaTrigger expects a number as its threshold, got NaN/,
    ],
    ["no difference to evict by", () => deltaEvictor("3" as Untyped, () => 1), /deltaEvictor expects a number/],
    ["nothing to tell a difference", () => deltaTrigger(3, undefined as Untyped), /expects a function of two records/],
  ])("%s", async (_, build, message) => {
    await expect(opened(build)).rejects.toThrow(expect.objectContaining({ message: expect.stringMatching(message) }));
  });

  test.each([
    ["its end", eventTimeTrigger()],
    ["intervals", continuousEventTimeTrigger("2ms")],
    ["its end, early and late", earlyAndLateTrigger({ early: countTrigger(2) })],
    ["its end, and purges", purgingTrigger(eventTimeTrigger())],
  ])(
    "a trigger that waits for the watermark to come to %s never fires where the clock ends windows",
    async (_, trigger) => {
      const build = (s: Keyed) => s.window(byClock).trigger(trigger as Trigger<unknown, unknown>);
      await expect(opened(build)).rejects.toThrow(/waits for event time, but the windows go by processing time/);
    },
  );

  test.each([["stop"], [undefined]])("a trigger that says %s, when a record comes or a time", async (said) => {
    const atRecord = await opened((s) =>
      s
        .window(tumbling("10ms"))
        .trigger(own({ onRecord: () => said }))
        .aggregate("n", counting()),
    );
    const message = `the trigger "own" of "n" returned ${said}; it must be one of continue, fire, purge, fireAndPurge`;
    expect(() => atRecord.push({ key: "a", value: 1 }, 1)).toThrow(message);
    const onRecord: Trigger["onRecord"] = (_, __, timestamp, context) => {
      context.eventTimer(timestamp);
      return "continue";
    };
    const atTime = await opened((s) =>
      s
        .window(tumbling("10ms"))
        .trigger(own({ onRecord, onEventTime: () => said }))
        .aggregate("n", counting()),
    );
    atTime.push({ key: "a", value: 1 }, 1);
    expect(() => atTime.watermark(1)).toThrow(message);
  });
});

describe("event time that is none in milliseconds", () => {
  const inNanoseconds = 1_700_000_000_000_000_000;

  test("is refused where it is read", async () => {
    const harness = await openHarness<Reading, unknown>((input) => input.withTimestamps(({ value }) => value));
    harness.push({ key: "a", value: 8.64e15 });
    expect(() => harness.push({ key: "a", value: inNanoseconds })).toThrow(/at most 8.64e15 from 1970/);
  });

  test.each<[string, (stream: Keyed) => unknown]>([
    ["windows", (s) => s.window(tumbling("10ms")).aggregate("n", counting())],
    ["sessions", (s) => s.window(session("10ms")).aggregate("n", counting())],
    ["windows with a function", (s) => s.window(sliding("10ms", "5ms")).process("n", { process: () => [] })],
    ["the first of each key", (s) => s.deduplicate("n", { time: "event" })],
  ])("belongs to no %s", async (_, build) => {
    const harness = await opened(build);
    expect(() => {
      harness.push({ key: "a", value: 1 }, inNanoseconds);
      harness.finish();
    }).toThrow(/"n" got a record with the event time 1700000000000000000/);
  });
});

describe("joins", () => {
  const join = () => 1;

  test.each<[string, (left: Keyed, right: Keyed) => unknown, RegExp]>([
    [
      "without a function",
      (l, r) => l.connect(r).intervalJoin("j", { lower: "0s", upper: "1s" } as Untyped),
      /"j" expects a function join, got undefined/,
    ],
    [
      "with a condition that is none",
      (l, r) =>
        l
          .connect(r)
          .window(tumbling("1s"))
          .join("j", { join, on: 3 as Untyped }),
      /"j" expects a function on, got a number/,
    ],
    [
      "that do not say for how long rows are kept",
      (l, r) => l.connect(r).join("j", { join } as Untyped),
      /keep of "j", if it is not "forever", expects a duration/,
    ],
    [
      "in the global window, which never ends",
      (l, r) => l.connect(r).window(globalWindow() as Untyped),
      /tumbling, sliding, cumulative or session windows, not in a global window/,
    ],
    [
      "by time that keep rows of both sides",
      (l, r) => l.connect(r).temporalJoin("j", { type: "full" as Untyped, join }),
      /type of "j" is "full"; it must be one of inner, left/,
    ],
    [
      "with broadcast rows that keep those",
      (l, r) =>
        l.connect(r.broadcast()).join("j", {
          ...{ type: "right" as Untyped, join },
          ...{ left: ({ key }) => key, right: ({ key }) => key },
        }),
      /type of "j" is "right"; it must be one of inner, left/,
    ],
    [
      "of which one input is forgotten",
      (l, r) => l.connect(r).process("j", { process1: () => [] } as Untyped),
      /"j" expects a function process2, got undefined/,
    ],
  ])("%s", async (_, build, message) => {
    await expect(openedWithTwo(build)).rejects.toThrow(message);
  });
});

describe("records that are no changes", () => {
  const isNone = /"n" reads changes, but got a record whose kind is undefined; make a changelog of it by toChangelog/;

  test.each<[string, (stream: Untyped) => unknown]>([
    ["an aggregate", (s) => s.aggregateChanges("n", counting())],
    ["a top-N", (s) => s.topNChanges("n", { n: 1, by: "value" })],
  ])("are not taken for rows that go, by %s", async (_, build) => {
    const harness = await opened(build);
    expect(() => harness.push({ key: "a", value: 1 }, 1)).toThrow(isNone);
  });

  test("nor by a join", async () => {
    const harness = await openedWithTwo((left, right) =>
      (left.connect(right) as Untyped).joinChanges("n", { keep: "forever", join: () => 1 }),
    );
    expect(() => harness.push({ key: "a", value: 1 }, 1)).toThrow(isNone);
  });
});

describe("patterns", () => {
  const begun = pattern<Reading>("p").begin("a");

  test.each<[string, (stream: Keyed) => unknown, RegExp]>([
    ["that have not begun", (s) => s.match(pattern("p") as Untyped), /match expects a pattern that begins with a step/],
    ["whose condition is none", () => begun.where(3 as Untyped), /"p" expects a function where, got a number/],
    [
      "that go on in a way that there is not",
      (s) => s.match(begun, { afterMatch: "skip" as Untyped }),
      /afterMatch must be one of noSkip, skipToNext, skipPastLastEvent, or a step to skip to, got "skip"/,
    ],
  ])("%s", async (_, build, message) => {
    await expect(opened(build)).rejects.toThrow(message);
  });
});
