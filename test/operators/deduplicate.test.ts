import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Change, collectTo, type DataStream, type DeduplicateOptions, fromArray, shortKind } from "../../index.ts";
import { openHarness } from "../../runtime/testing/index.ts";
import { driveInEveryWay, type Step } from "./drive.ts";
import { runEverywhere } from "./run-everywhere.ts";

interface Visit {
  readonly user: string;
  readonly page: number;
}

type Emitted = Visit | Change<Visit>;

const visit = (user: string, page: number, timestamp?: number): Step<Visit> =>
  timestamp === undefined ? [{ user, page }] : [{ user, page }, timestamp];

const by = (options: DeduplicateOptions) => (input: DataStream<Visit>) =>
  input.keyBy("user").deduplicate("unique", options) as DataStream<Emitted>;

const text = (record: Emitted): string =>
  "kind" in record
    ? `${shortKind(record.kind)} ${record.value.user}${record.value.page}`
    : `${record.user}${record.page}`;

describe("the first", () => {
  test("by processing time goes on at once, the others are dropped and counted", async () => {
    const { records } = await driveInEveryWay(by({}), [visit("a", 1), visit("b", 1), visit("a", 2), visit("b", 3)]);
    expect(records.map(text)).toEqual(["a1", "b1"]);
    const harness = await openHarness(by({}));
    for (const page of [1, 2, 3]) harness.push({ user: "a", page });
    expect(harness.metrics().counters["duplicateRecords"]).toBe(2);
  });

  test("by event time is the earliest, once the watermark has passed it", async () => {
    const { elements } = await driveInEveryWay(by({ time: "event" }), [
      visit("a", 1, 20),
      visit("a", 2, 10),
      visit("a", 3, 15),
      { watermark: 9 },
      { watermark: 30 },
      visit("a", 4, 40),
      { watermark: 50 },
    ]);
    expect(elements.map((element) => (element.kind === "record" ? text(element.value) : element))).toEqual([
      { kind: "watermark", timestamp: 9 },
      "a2",
      { kind: "watermark", timestamp: 30 },
      { kind: "watermark", timestamp: 50 },
    ]);
  });

  test("by event time goes on at once when it is late, before one that waits", async () => {
    const { records, timestamps } = await driveInEveryWay(by({ time: "event" }), [
      { watermark: 10 },
      visit("a", 1, 20),
      visit("a", 2, 5),
      visit("b", 1, 8),
      { watermark: 30 },
    ]);
    expect(records.map(text)).toEqual(["a2", "b1"]);
    expect(timestamps).toEqual([5, 8]);
  });

  test("comes again when its key has been forgotten", async () => {
    const { records } = await driveInEveryWay(by({ ttl: "10ms" }), [
      visit("a", 1),
      { advanceTime: 9 },
      visit("a", 2),
      { advanceTime: 1 },
      visit("a", 3),
    ]);
    expect(records.map(text)).toEqual(["a1", "a3"]);
  });

  test("that waits is not forgotten, however far the watermark jumps", async () => {
    const { records } = await driveInEveryWay(by({ time: "event", ttl: "10ms" }), [
      visit("a", 1, 5),
      { watermark: 1000 },
      visit("a", 2, 1009),
      visit("a", 3, 1010),
      { watermark: 2000 },
    ]);
    // Its time to live counts from its own time: it is the same in whatever steps the watermark comes.
    expect(records.map(text)).toEqual(["a1", "a2"]);
  });

  test("is remembered from its own time on, in whatever steps the watermark comes", async () => {
    for (const passed of [5, 8, 14]) {
      const { records } = await driveInEveryWay(by({ time: "event", ttl: "10ms" }), [
        visit("a", 1, 5),
        { watermark: passed },
        visit("a", 2, 14),
        visit("a", 3, 15),
        { watermark: 100 },
        visit("a", 4, 24),
      ]);
      expect(records.map(text)).toEqual(["a1", "a3"]);
    }
  });
});

describe("the last", () => {
  test("is a changelog", async () => {
    const { records } = await driveInEveryWay(by({ keep: "last" }), [visit("a", 1), visit("b", 1), visit("a", 2)]);
    expect(records.map(text)).toEqual(["+I a1", "+I b1", "-U a1", "+U a2"]);
  });

  test("as upserts, leaves out the record that is replaced", async () => {
    const upserts = await driveInEveryWay(by({ keep: "last", emit: "upserts" }), [
      visit("a", 1),
      visit("b", 1),
      visit("a", 2),
    ]);
    expect(upserts.records.map(text)).toEqual(["+I a1", "+I b1", "+U a2"]);
    await expect(openHarness(by({ emit: "upserts" }))).rejects.toThrow(/emit/);
  });

  test("by event time is not replaced by an earlier one", async () => {
    const { records } = await driveInEveryWay(by({ keep: "last", time: "event" }), [
      visit("a", 1, 20),
      visit("a", 2, 10),
      visit("a", 3, 20),
    ]);
    expect(records.map(text)).toEqual(["+I a1", "-U a1", "+U a3"]);
  });

  test("begins anew when its key has been forgotten in event time", async () => {
    const { records } = await driveInEveryWay(by({ keep: "last", time: "event", ttl: "10ms" }), [
      visit("a", 1, 5),
      visit("a", 2, 14),
      visit("a", 3, 25),
    ]);
    expect(records.map(text)).toEqual(["+I a1", "-U a1", "+U a2", "+I a3"]);
  });
});

test("first and last of random records, against the sorted ones", async () => {
  const record = fc.tuple(fc.constantFrom("a", "b", "c"), fc.integer({ min: 0, max: 30 }));
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 14 }), async (all) => {
      const steps: Step<Visit>[] = [...all.map(([user, time], page) => visit(user, page, time)), { watermark: 100 }];
      const users = [...new Set(all.map(([user]) => user))];
      const of = (user: string) =>
        all
          .flatMap(([each, time], page) => (each === user ? [{ user, page, time }] : []))
          .toSorted((a, b) => a.time - b.time);
      const first = await driveInEveryWay(by({ time: "event" }), steps, { keysInAnyOrder: true });
      expect(first.records.map(text).toSorted()).toEqual(users.map((user) => `${user}${of(user)[0]?.page}`).toSorted());
      const last = await driveInEveryWay(by({ keep: "last", time: "event" }), steps);
      const table = new Map<string, string>();
      for (const change of last.records as readonly Change<Visit>[])
        if (change.kind !== "updateBefore") table.set(change.value.user, text(change.value));
      for (const user of users) expect(table.get(user)).toBe(`${user}${of(user).at(-1)?.page}`);
    }),
    { numRuns: 20 },
  );
});

test("an event time is needed where order goes by it", async () => {
  const harness = await openHarness(by({ time: "event" }));
  expect(() => harness.push({ user: "a", page: 1 })).toThrow(/withTimestamps/);
});

test("at any parallelism each key comes once", async () => {
  const visits = Array.from({ length: 200 }, (_, page) => ({ user: `u${page % 17}`, page }));
  await runEverywhere(
    (env) => env.from(fromArray(visits)).keyBy("user").deduplicate("unique").to(collectTo("out")),
    ({ rows }) =>
      expect(
        rows<Visit>("out")
          .map(({ user }) => user)
          .toSorted(),
      ).toEqual([...new Set(visits.map(({ user }) => user))].toSorted()),
  );
});
