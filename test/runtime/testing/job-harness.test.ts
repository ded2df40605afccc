/** A whole job, driven by hand. */

import { describe, expect, test } from "vitest";
import { collectTo, counting, defineJob, fromArray, outputTag, toJsonl, tumbling, valueState } from "../../../index.ts";
import { openJob } from "../../../runtime/testing/index.ts";

interface Click {
  readonly item: string;
  readonly at: number;
}

const late = outputTag<Click>("late");

const clicks = defineJob(import.meta, "clicks", (env) => {
  const stream = env.from(fromArray<Click>([]), { name: "clicks" });
  const counts = stream
    .withTimestamps(({ at }) => at, { punctuated: (_, time) => time - 1 })
    .keyBy("item")
    .window(tumbling("10s"), { late })
    .aggregate("counts", counting());
  counts.map(({ key, value }) => `${key} ${value}`).to(toJsonl("nowhere/counts.jsonl"), { name: "counts out" });
  counts.sideOutput(late).to(collectTo("late out"));
  stream
    .union(env.from(fromArray<Click>([]), { name: "more" }))
    .keyBy("item")
    .process("reminders", {
      state: { seen: valueState(0) },
      process({ item }, { state: { seen }, timers, runtime }) {
        seen.update((n) => n + 1);
        timers.register("processing", runtime.clock.now() + 5000);
        return [`${item} seen ${seen.get()}`];
      },
      onTimer: ({ key }) => [`${key} again`],
    })
    .to(collectTo("reminders out"));
});

const click = (item: string, at: number): Click => ({ item, at });

describe.each([1, 2, 3])("at parallelism %i", (parallelism) => {
  test("records, watermarks, time and ends come to sinks that keep what comes", async () => {
    const harness = await openJob(clicks, { parallelism });
    await harness.push("clicks", click("a", 1000));
    await harness.push("more", click("a", 0));
    expect(harness.rows("reminders out")).toEqual(["a seen 1", "a seen 2"]);
    expect(harness.rows("counts out")).toEqual([]);
    // Where there are several subtasks, each has to hear that time has gone on.
    await harness.pushAll(
      "clicks",
      [1, 2, 3, 4, 5, 6].map((n) => click("b", 20_000 + n)),
    );
    await harness.advanceTime("1s");
    expect(harness.rows("counts out")).toEqual(["a 1"]);
    await harness.pushAll("clicks", [click("c", 1), click("c", 2), click("c", 3)]);
    const tooLate = harness.take<Click>("late out").toSorted((a, b) => a.at - b.at);
    expect(tooLate).toEqual([click("c", 1), click("c", 2), click("c", 3)]);
    expect(harness.take("late out")).toEqual([]);
    await harness.advanceTime("3999ms");
    expect(harness.rows("reminders out")).not.toContain("a again");
    await harness.advanceTime("1ms");
    expect(harness.rows("reminders out")).toContain("a again");
    await harness.end();
    expect(harness.rows("counts out")).toEqual(["a 1", "b 6"]);
    await harness.close();
  });

  test("states, timers and event time of its operators are looked at, wherever a key is", async () => {
    const harness = await openJob(clicks, { parallelism });
    for (const item of ["a", "b", "a", "c"]) await harness.push("more", click(item, 0));
    const seen = (item: string) => harness.state("reminders", item, "seen", valueState(0));
    expect(["a", "b", "c", "d"].map((item) => seen(item).get())).toEqual([2, 1, 1, 0]);
    expect(harness.keys("reminders", "seen").toSorted()).toEqual(["a", "b", "c"]);
    expect(harness.timers("reminders", "processing").map(({ key, timestamp }) => `${key} ${timestamp}`)).toEqual(
      expect.arrayContaining(["a 5000", "b 5000", "c 5000"]),
    );
    expect(harness.timers("reminders", "event")).toEqual([]);
    seen("b").set(7);
    await harness.push("more", click("b", 0));
    expect(harness.rows("reminders out").at(-1)).toBe("b seen 8");
    const again = await openJob(clicks, { parallelism: 1 + (parallelism % 3), restore: await harness.snapshot() });
    expect(again.state("reminders", "b", "seen", valueState(0)).get()).toBe(8);
    expect(again.timers("reminders", "processing")).toHaveLength(3);
    await harness.close();
    await again.close();
  });

  test("event time goes on without a record, when all of its subtasks have said so", async () => {
    const harness = await openJob(clicks, { parallelism });
    await harness.push("clicks", click("a", 1000));
    for (let subtask = 0; subtask < parallelism; subtask++) {
      expect(harness.rows("counts out")).toEqual([]);
      expect(harness.watermarkAt("counts")).toBeLessThan(10_000);
      await harness.watermark("timestamps", 20_000, { subtask });
    }
    expect(harness.rows("counts out")).toEqual(["a 1"]);
    expect(harness.watermarkAt("counts")).toBe(20_000);
    await harness.pushAll(
      "clicks",
      Array.from({ length: parallelism }, () => click("b", 20_001)),
    );
    await harness.watermark("timestamps", 30_000);
    await harness.watermark("timestamps", 10);
    expect(harness.watermarkAt("counts")).toBe(30_000);
    expect(harness.rows("counts out")).toEqual(["a 1", `b ${parallelism}`]);
    await harness.close();
  });

  test("a snapshot between any two records goes on, at another parallelism", async () => {
    const records = Array.from({ length: 8 }, (_, i) => click("abc"[i % 3] as string, i * 4000));
    const counts: unknown[] = [];
    const reminders: unknown[] = [];
    let harness = await openJob(clicks, { parallelism });
    for (const [i, record] of records.entries()) {
      await harness.push("clicks", record);
      const snapshot = await harness.snapshot();
      counts.push(...harness.take("counts out"));
      reminders.push(...harness.take("reminders out"));
      await harness.close();
      harness = await openJob(clicks, { parallelism: 1 + ((parallelism + i) % 3), restore: snapshot });
    }
    await harness.end();
    counts.push(...harness.rows("counts out"));
    reminders.push(...harness.rows("reminders out"));
    await harness.close();
    expect(counts.toSorted()).toEqual(["a 1", "a 1", "a 1", "b 1", "b 1", "b 1", "c 1", "c 1"]);
    expect(reminders.filter((text) => /seen/.test(String(text)))).toEqual(
      records.map(({ item }, i) => `${item} seen ${1 + Math.floor(i / 3)}`),
    );
  });
});

test("a snapshot is not changed by what comes behind it, and time goes on from there", async () => {
  const first = await openJob(clicks, { startAt: 1_000_000 });
  await first.push("more", click("a", 0));
  await first.advanceTime("2s");
  const snapshot = await first.snapshot();
  await first.push("more", click("a", 0));
  await first.snapshot();
  const second = await openJob(clicks, { restore: snapshot });
  expect(second.clock.now()).toBe(1_002_000);
  await second.push("more", click("a", 0));
  expect(second.rows("reminders out")).toEqual(["a seen 2"]);
  await second.advanceTime("3s");
  expect(second.rows("reminders out")).toEqual(["a seen 2", "a again"]);
});

test("what the job fails with comes to whoever pushes", async () => {
  const failing = defineJob(import.meta, "failing", (env) => {
    env
      .from(fromArray<number>([]), { name: "numbers" })
      .map((n) => {
        if (n > 1) throw new Error("too much");
        return n;
      })
      .to(collectTo("out"));
  });
  const harness = await openJob(failing);
  await harness.push("numbers", 1);
  await expect(harness.push("numbers", 2)).rejects.toMatchObject({ code: "USER_FUNCTION" });
  expect(harness.rows("out")).toEqual([1]);
  await harness.close();
});

test("an unknown source or sink is refused with those that there are", async () => {
  const harness = await openJob(clicks);
  await expect(harness.push("click", 1)).rejects.toThrow('job "clicks" has no source "click"; it has "clicks", "more"');
  expect(() => harness.rows("counts")).toThrow('no sink "counts"; it has "counts out", "late out", "reminders out"');
  await harness.close();
});

test("an unknown operator, subtask or maker of watermarks is refused with what there is", async () => {
  const harness = await openJob(clicks);
  expect(() => harness.keys("reminder", "seen")).toThrow(
    /no operator "reminder" that runs; it has .*"timestamps".*"reminders"/,
  );
  await expect(harness.watermark("counts", 1)).rejects.toThrow('"counts" of job "clicks" makes no watermarks');
  await expect(harness.watermark("timestamps", 1, { subtask: 1 })).rejects.toThrow("the subtasks 0 to 0, and no 1");
  await harness.end();
  expect(() => harness.timers("reminders", "event")).toThrow(/that runs; it has none/);
  await harness.close();
});

test("any time may pass between two records", async () => {
  const harness = await openJob(clicks);
  await harness.advanceTime({ days: 400 });
  await harness.push("more", click("a", 0));
  expect(harness.rows("reminders out")).toEqual(["a seen 1"]);
  await harness.close();
});
