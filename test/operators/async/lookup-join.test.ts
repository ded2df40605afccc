import { describe, expect, test } from "vitest";
import { collectTo, fromArray, type LookupOptions } from "../../../index.ts";
import { openHarness } from "../../../runtime/testing/index.ts";
import { drive, driveInEveryWay } from "../drive.ts";
import { runEverywhere } from "../run-everywhere.ts";

interface Click {
  readonly item: string;
  readonly n: number;
}

const click = (item: string, n: number) => [{ item, n }, n] as const;
const names: Readonly<Record<string, string>> = { a: "apple", b: "book" };

function lookup(asked: string[], more: Partial<LookupOptions<Click, string, string, "left", string>> = {}) {
  return {
    key: ({ item }: Click) => item,
    load: async (item: string) => {
      asked.push(item);
      return names[item];
    },
    join: ({ n }: Click, name: string | undefined) => `${n} ${name ?? "-"}`,
    ...more,
  };
}

describe("each record is joined with what there is under its key", () => {
  test("one for which there is nothing is dropped", async () => {
    const { records, timestamps } = await driveInEveryWay<Click, string>(
      (clicks) => clicks.lookup("names", { ...lookup([]), type: "inner" }),
      [click("a", 1), click("x", 2), click("b", 3)],
    );
    expect(records).toEqual(["1 apple", "3 book"]);
    expect(timestamps).toEqual([1, 3]);
  });

  test("or joined with undefined", async () => {
    const { records } = await driveInEveryWay<Click, string>(
      (clicks) => clicks.lookup("names", { ...lookup([]), type: "left" }),
      [click("a", 1), click("x", 2)],
    );
    expect(records).toEqual(["1 apple", "2 -"]);
  });
});

describe("the cache", () => {
  test("remembers what was found, and that nothing was, for a time", async () => {
    const asked: string[] = [];
    const { records } = await drive<Click, string>(
      (clicks) => clicks.lookup("names", { ...lookup(asked), type: "left", cache: { entries: 10, ttl: "1m" } }),
      [click("a", 1), click("x", 2), click("a", 3), click("x", 4), { advanceTime: 60_000 }, click("a", 5)],
    );
    expect(records).toEqual(["1 apple", "2 -", "3 apple", "4 -", "5 apple"]);
    expect(asked).toEqual(["a", "x", "a"]);
  });

  test("forgets what was asked for longest ago when it is full", async () => {
    const asked: string[] = [];
    await drive<Click, string>(
      (clicks) => clicks.lookup("names", { ...lookup(asked), type: "left", cache: { entries: 2, ttl: "1m" } }),
      [click("a", 1), click("b", 2), click("a", 3), click("x", 4), click("a", 5), click("b", 6)],
    );
    expect(asked).toEqual(["a", "b", "x", "b"]);
  });

  test("without one every record asks", async () => {
    const asked: string[] = [];
    await drive<Click, string>(
      (clicks) => clicks.lookup("names", { ...lookup(asked), type: "left" }),
      [click("a", 1), click("a", 2)],
    );
    expect(asked).toEqual(["a", "a"]);
  });
});

test("records that ask for a key at the same time share a call", async () => {
  const asked: string[] = [];
  const harness = await openHarness<Click, string>((clicks) =>
    clicks.lookup("names", { ...lookup(asked), type: "inner" }),
  );
  harness.pushBatch([click("a", 1), click("a", 2), click("b", 3)]);
  await harness.settled();
  expect(asked).toEqual(["a", "b"]);
  expect(harness.records).toEqual(["1 apple", "2 apple", "3 book"]);
  await harness.close();
});

test("at any parallelism", async () => {
  const clicks = Array.from({ length: 60 }, (_, n) => ({ item: ["a", "b", "x"][n % 3] as string, n }));
  await runEverywhere(
    (env) => {
      env
        .from(fromArray(clicks))
        .lookup("names", { ...lookup([]), type: "left", ordered: false, cache: { entries: 5, ttl: "1h" } })
        .to(collectTo("out"));
    },
    ({ rows }) =>
      expect(rows<string>("out").toSorted()).toEqual(
        clicks.map(({ item, n }) => `${n} ${names[item] ?? "-"}`).toSorted(),
      ),
  );
});
