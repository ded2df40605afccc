/** When windows fire and what is left out: triggers, evictors, processing time. */

import { describe, expect, test } from "vitest";
import {
  continuousEventTimeTrigger,
  continuousProcessingTimeTrigger,
  countEvictor,
  counting,
  countTrigger,
  cumulative,
  type DataStream,
  deltaEvictor,
  deltaTrigger,
  earlyAndLateTrigger,
  eventTimeTrigger,
  globalWindow,
  purgingTrigger,
  session,
  sliding,
  summing,
  type Trigger,
  timeEvictor,
  tumbling,
} from "../../index.ts";
import { openHarness } from "../../runtime/testing/index.ts";
import type { Step } from "./drive.ts";
import { at, listed, readings, results, text, values } from "./general-window-cases.ts";
import type { Reading } from "./window-reference.ts";

describe("triggers", () => {
  const counted =
    <S>(trigger: Trigger<Reading, S>) =>
    (input: DataStream<Reading>) =>
      input
        .keyBy("key")
        .window(tumbling("10ms"), { allowedLateness: "10ms" })
        .trigger(trigger)
        .aggregate("n", counting());
  const seen = async <S>(trigger: Trigger<Reading, S>, steps: readonly Step<Reading>[]) =>
    (await results(counted(trigger), steps)).records.map(({ windowStart, value }) => [windowStart, value]);

  test("of counts fire whatever the time, and once they purge, of new records only", async () => {
    const steps = [...readings(1, 1, 1, 1, 1), { watermark: 100 }];
    expect(await seen(countTrigger(2), steps)).toEqual([
      [0, 2],
      [0, 4],
    ]);
    expect(await seen(purgingTrigger(countTrigger(2)), steps)).toEqual([
      [0, 2],
      [0, 2],
    ]);
  });

  test("of event time are what a window has anyway", async () => {
    const steps = [at(1), at(2), { watermark: 9 }, at(3), { watermark: 19 }, at(4), at(15), { watermark: 50 }];
    const plain = await results(
      (input) => input.keyBy("key").window(tumbling("10ms"), { allowedLateness: "10ms" }).aggregate("n", counting()),
      steps,
    );
    expect(await seen(eventTimeTrigger(), steps)).toEqual(plain.records.map((each) => [each.windowStart, each.value]));
    expect(plain.records).toHaveLength(3);
  });

  test("that are continuous fire at each interval and at the end", async () => {
    const steps = [at(1), { watermark: 4 }, at(4), at(6), { watermark: 7 }, { watermark: 8 }, { watermark: 30 }];
    expect(await seen(continuousEventTimeTrigger("4ms"), steps)).toEqual([
      [0, 1],
      [0, 3],
      [0, 3],
    ]);
  });

  test("that are continuous come to an end when all input has come, of a window without end too", async () => {
    const harness = await openHarness((input: DataStream<Reading>) =>
      input.keyBy("key").window(globalWindow()).trigger(continuousEventTimeTrigger("4ms")).aggregate("n", counting()),
    );
    harness.push({ key: "a", value: 1 }, 1);
    harness.watermark(9);
    harness.push({ key: "a", value: 1 }, 10);
    harness.finish();
    expect(harness.records.map(({ value }) => value)).toEqual([1, 1, 2, 2]);
  });

  test("that are continuous by the clock fire while it goes on", async () => {
    const steps = [at(1), { advanceTime: 4 }, at(4), { advanceTime: 3 }, { advanceTime: 1 }, { watermark: 30 }];
    expect(await seen(continuousProcessingTimeTrigger("4ms"), steps)).toEqual([
      [0, 1],
      [0, 2],
    ]);
  });

  test("fire early, in time and late", async () => {
    const trigger = earlyAndLateTrigger({ early: countTrigger(2), late: countTrigger(2) });
    const steps = [at(1), at(2), at(3), { watermark: 9 }, at(4), at(5), at(6), { watermark: 19 }, at(7)];
    expect(await seen(trigger, steps)).toEqual([
      [0, 2],
      [0, 3],
      [0, 5],
    ]);
    const eachLate = [at(1), { watermark: 9 }, at(2), { watermark: 19 }];
    expect(await seen(earlyAndLateTrigger({}), eachLate)).toEqual([
      [0, 1],
      [0, 2],
    ]);
  });

  test("of a difference fire when records have moved away", async () => {
    const build = (input: DataStream<Reading>) =>
      input
        .keyBy("key")
        .window(globalWindow())
        .trigger(deltaTrigger<Reading>(5, (before, { value }) => Math.abs(value - before.value)))
        .process("list", listed);
    const { records } = await results(build, readings(1, 4, 7, 8, 13));
    expect(records.map((record) => record.split(" ").at(-1))).toEqual(["1,4,7", "1,4,7,8,13"]);
  });

  test("of one's own keep their state and timers, and may stop by purging", async () => {
    /** Fires at the time that a record says, and forgets all at a 0. */
    const own: Trigger<Reading, { asked: number }> = {
      name: "own",
      create: () => ({ asked: 0 }),
      onRecord(state, { value }, _, context) {
        if (value === 0) return "purge";
        if (state.asked > 0) context.deleteEventTimer(state.asked);
        state.asked = value;
        context.eventTimer(value);
        return "continue";
      },
      onEventTime: () => "fireAndPurge",
    };
    const build = (input: DataStream<Reading>) =>
      input.keyBy("key").window(globalWindow()).trigger(own).aggregate("values", values);
    const steps = [at(0, 5), at(0, 8), { watermark: 7 }, { watermark: 8 }, at(9, 12), at(9, 0), { watermark: 20 }];
    const { records } = await results(build, steps);
    expect(records.map(({ value }) => value)).toEqual(["5,8"]);
  });

  test("go over into sessions that merge", async () => {
    const build = (input: DataStream<Reading>) =>
      input.keyBy("key").window(session("5ms")).trigger(countTrigger(3)).aggregate("n", counting());
    // Two sessions of one record each become one of three.
    const { records } = await results(build, [at(0), at(8), at(4), { watermark: 50 }]);
    expect(records).toEqual([{ key: "a", windowStart: 0, windowEnd: 13, value: 3 }]);
  });

  test("by intervals go over into sessions too", async () => {
    const build = (input: DataStream<Reading>) =>
      input.keyBy("key").window(session("5ms")).trigger(continuousEventTimeTrigger("4ms")).aggregate("n", counting());
    const { records } = await results(build, [at(1), at(6), at(4), { watermark: 4 }, { watermark: 50 }]);
    expect(records.map(({ windowEnd, value }) => [windowEnd, value])).toEqual([
      [11, 3],
      [11, 3],
      [11, 3],
    ]);
  });
});

describe("evictors", () => {
  const list = (evictor: Parameters<ReturnType<typeof windowOf>["evictor"]>[0]) => (input: DataStream<Reading>) =>
    windowOf(input).evictor(evictor).process("list", listed);
  const windowOf = (input: DataStream<Reading>) => input.keyBy("key").window(globalWindow()).trigger(countTrigger(3));
  const lists = async (...given: Parameters<typeof list>) =>
    (await results(list(...given), readings(1, 9, 2, 3, 8, 4))).records.map((record) => record.split(" ").at(-1));

  test("keep the last records", async () => {
    expect(await lists(countEvictor(2))).toEqual(["2,9", "4,8"]);
    expect(await lists(countEvictor(2, { when: "after" }))).toEqual(["1,2,9", "2,3,4,8,9"]);
  });

  test("keep the latest ones", async () => {
    expect(await lists(timeEvictor("1ms"))).toEqual(["2,9", "4,8"]);
  });

  test("keep those that are near to the last one", async () => {
    expect(await lists(deltaEvictor<Reading>(2, (a, b) => Math.abs(a.value - b.value)))).toEqual(["1,2", "3,4"]);
  });

  test("may be one's own, and an aggregate is made of what they leave", async () => {
    const build = (input: DataStream<Reading>) =>
      windowOf(input)
        .evictor({ name: "even", before: (all) => all.filter(({ value: reading }) => reading.value % 2 === 0) })
        .aggregate("sum", summing("value"));
    const { records } = await results(build, readings(1, 9, 2, 3, 8, 4));
    expect(records.map(({ value }) => value)).toEqual([2, 14]);
  });
});

describe("windows of processing time", () => {
  const by =
    (window: Parameters<ReturnType<DataStream<Reading>["keyBy"]>["window"]>[0]) => (input: DataStream<Reading>) =>
      input.keyBy("key").window(window).aggregate("values", values);
  const steps = [at(500, 1), { advanceTime: 5 }, at(0, 2), { advanceTime: 5 }, at(0, 3), { advanceTime: 20 }];

  test.each([
    ["tumbling", tumbling("10ms", { time: "processing" }), ["a [0, 10) 1,2", "a [10, 20) 3"]],
    [
      "sliding",
      sliding("10ms", "5ms", { time: "processing" }),
      ["a [-5, 5) 1", "a [0, 10) 1,2", "a [5, 15) 2,3", "a [10, 20) 3"],
    ],
    ["cumulative", cumulative("20ms", "10ms", { time: "processing" }), ["a [0, 10) 1,2", "a [0, 20) 1,2,3"]],
    ["session", session("7ms", { time: "processing" }), ["a [0, 17) 1,2,3"]],
  ])("that are %s count by the clock, whatever the records' time", async (_, window, expected) => {
    const { records, timestamps } = await results(by(window as never), steps);
    expect(records.map(text)).toEqual(expected);
    expect(timestamps[0]).toBe((records[0]?.windowEnd as number) - 1);
  });

  test("give one result, of their last millisecond's records too", async () => {
    const steps = [
      at(0, 1),
      { advanceTime: 9 },
      at(0, 2),
      { advanceTime: 0 },
      at(0, 3),
      { advanceTime: 1 },
      at(0, 4),
      { advanceTime: 20 },
    ];
    const { records } = await results(by(tumbling("10ms", { time: "processing" })), steps);
    expect(records.map(text)).toEqual(["a [0, 10) 1,2,3", "a [10, 20) 4"]);
  });

  test("give what they have when all input has come", async () => {
    const harness = await openHarness(by(tumbling("1h", { time: "processing" })), { blockEvery: 2 });
    for (const key of ["a", "b", "c", "d"]) harness.push({ key, value: 1 });
    harness.finish();
    expect(harness.records.map(({ key }) => key)).toEqual(["a", "b", "c", "d"]);
  });
});
