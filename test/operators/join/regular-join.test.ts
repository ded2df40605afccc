import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addsRow,
  type Change,
  collectTo,
  type DataStream,
  deleted,
  fromArray,
  inserted,
  type JoinType,
  shortKind,
} from "../../../index.ts";
import { type HarnessSnapshot, type OperatorHarness, openTwoInputHarness } from "../../../runtime/testing/index.ts";
import { driveTwoInEveryWay, type TwoInputStep } from "../drive-two.ts";
import { runEverywhere } from "../run-everywhere.ts";

interface Row {
  readonly key: string;
  readonly id: number;
}

const left = (key: string, id: number): TwoInputStep<Row, Row> => ({ first: { key, id }, at: id });
const right = (key: string, id: number): TwoInputStep<Row, Row> => ({ second: { key, id }, at: id });
const pair = (a: Row | undefined, b: Row | undefined): string => `${a?.id ?? "-"} ${b?.id ?? "-"}`;
const text = ({ kind, value }: Change<string>): string => `${shortKind(kind)} ${value}`;

describe("an inner join", () => {
  test("of rows of one key, whichever comes first", async () => {
    const { records, timestamps } = await driveTwoInEveryWay<Row, Row, string>(
      (a, b) => a.keyBy("key").connect(b.keyBy("key")).join("join", { keep: "forever", join: pair }),
      [left("a", 1), right("a", 2), right("b", 3), left("a", 4), left("b", 5), right("a", 6)],
    );
    expect(records).toEqual(["1 2", "4 2", "5 3", "1 6", "4 6"]);
    expect(timestamps).toEqual([2, 4, 5, 6, 6]);
  });

  test("under a further condition", async () => {
    const { records } = await driveTwoInEveryWay<Row, Row, string>(
      (a, b) =>
        a
          .keyBy("key")
          .connect(b.keyBy("key"))
          .join("join", { keep: "forever", on: (x, y) => x.id < y.id, join: pair }),
      [right("a", 2), left("a", 1), left("a", 3), right("a", 4)],
    );
    expect(records).toEqual(["1 2", "1 4", "3 4"]);
  });

  test("of rows that are remembered for a time only, by either time", async () => {
    const byClock = await driveTwoInEveryWay<Row, Row, string>(
      (a, b) => a.keyBy("key").connect(b.keyBy("key")).join("join", { keep: "10ms", join: pair }),
      [
        left("a", 1),
        { advanceTime: 6 },
        left("a", 2),
        { advanceTime: 6 },
        right("a", 3),
        { advanceTime: 20 },
        left("a", 4),
      ],
    );
    expect(byClock.records).toEqual(["2 3"]);
    const byEvents = await driveTwoInEveryWay<Row, Row, string>(
      (a, b) => a.keyBy("key").connect(b.keyBy("key")).join("join", { keep: "10ms", time: "event", join: pair }),
      [left("a", 1), left("a", 8), { advanceTime: 60_000 }, { watermark: 15 }, right("a", 16), right("a", 40)],
    );
    expect(byEvents.records).toEqual(["8 16"]);
  });
});

describe("an outer join is a changelog", () => {
  const run = async (type: JoinType, steps: readonly TwoInputStep<Row, Row>[]): Promise<readonly string[]> => {
    const { records } = await driveTwoInEveryWay<Row, Row, string>(
      (a, b) =>
        a
          .keyBy("key")
          .connect(b.keyBy("key"))
          .join("join", { type: type as "full", keep: "forever", join: pair })
          .map(text),
      steps,
    );
    return records;
  };
  const steps = [left("a", 1), right("a", 2), left("a", 3), right("b", 4), right("a", 5)];

  test("left: a row alone is taken back by its first match", async () => {
    expect(await run("left", steps)).toEqual(["+I 1 -", "-D 1 -", "+I 1 2", "+I 3 2", "+I 1 5", "+I 3 5"]);
  });

  test("right", async () => {
    expect(await run("right", steps)).toEqual(["+I 1 2", "+I 3 2", "+I - 4", "+I 1 5", "+I 3 5"]);
  });

  test("full", async () => {
    expect(await run("full", steps)).toEqual(["+I 1 -", "-D 1 -", "+I 1 2", "+I 3 2", "+I - 4", "+I 1 5", "+I 3 5"]);
  });
});

describe("a savepoint of an outer join whose rows were told apart by their text", () => {
  const build = (a: DataStream<Row>, b: DataStream<Row>) =>
    a.keyBy("key").connect(b.keyBy("key")).join("join", { type: "full", keep: "forever", join: pair }).map(text);

  const taken = (harness: OperatorHarness<Row, string, Row>): readonly string[] =>
    harness.take().flatMap((element) => (element.kind === "record" ? [element.value] : []));

  /** Rows without a time still are. */
  async function older(): Promise<HarnessSnapshot> {
    const harness = await openTwoInputHarness(build);
    for (const id of [1, 1, 3]) harness.push({ key: id === 3 ? "b" : "a", id });
    harness.push2({ key: "a", id: 2 });
    expect(taken(harness)).toEqual(["+I 1 -", "+I 1 -", "+I 3 -", "-D 1 -", "-D 1 -", "+I 1 2", "+I 1 2"]);
    return harness.snapshot();
  }

  test("is gone on with by rows that are told apart by their time", async () => {
    const harness = await openTwoInputHarness(build, { restore: [await older()] });
    harness.push2({ key: "b", id: 5 }, 5);
    expect(taken(harness)).toEqual(["-D 3 -", "+I 3 5"]);
    harness.push({ key: "a", id: 1 }, 6); // as one that is there twice
    expect(taken(harness)).toEqual(["+I 1 2"]);
    harness.push2({ key: "a", id: 7 }, 6);
    expect(taken(harness)).toEqual(["+I 1 7", "+I 1 7", "+I 1 7"]);
    harness.push2({ key: "b", id: 8 }, 6);
    expect(taken(harness)).toEqual(["+I 3 8"]);
  });
});

describe("of changelogs", () => {
  const joined = (type: JoinType, named = false) =>
    ((a, b) =>
      a
        .keyBy(({ value }) => value.key)
        .connect(b.keyBy(({ value }) => value.key))
        .joinChanges("join", {
          ...{ type: type as "full", keep: "forever", join: pair },
          ...(named ? { leftRow: () => "only" } : {}),
        })
        .map(text)) satisfies Parameters<typeof driveTwoInEveryWay<Change<Row>, Change<Row>, string>>[0];
  const row = (id: number): Row => ({ key: "a", id });

  test("a row that goes takes back its pairs, and leaves alone what it alone has matched", async () => {
    const { records } = await driveTwoInEveryWay<Change<Row>, Change<Row>, string>(joined("full"), [
      { first: inserted(row(1)) },
      { second: inserted(row(2)) },
      { second: inserted(row(3)) },
      { second: deleted(row(2)) },
      { second: deleted(row(3)) },
      { first: deleted(row(1)) },
    ]);
    expect(records).toEqual(["+I 1 -", "-D 1 -", "+I 1 2", "+I 1 3", "-D 1 2", "-D 1 3", "+I 1 -", "-D 1 -"]);
  });

  test("rows that are alike are counted", async () => {
    const { records } = await driveTwoInEveryWay<Change<Row>, Change<Row>, string>(joined("left"), [
      { first: inserted(row(1)) },
      { first: inserted(row(1)) },
      { second: inserted(row(2)) },
      { first: deleted(row(1)) },
      { second: deleted(row(2)) },
    ]);
    expect(records).toEqual(["+I 1 -", "+I 1 -", "-D 1 -", "-D 1 -", "+I 1 2", "+I 1 2", "-D 1 2", "-D 1 2", "+I 1 -"]);
  });

  test("a row that has a key of its own replaces the one before it", async () => {
    const { records } = await driveTwoInEveryWay<Change<Row>, Change<Row>, string>(joined("inner", true), [
      { first: inserted(row(1)) },
      { second: inserted(row(2)) },
      { first: inserted(row(7)) },
    ]);
    expect(records).toEqual(["+I 1 2", "-D 1 2", "+I 7 2"]);
  });

  test("what goes and was not there is counted", async () => {
    const harness = await openTwoInputHarness<Change<Row>, Change<Row>, string>(joined("inner"));
    harness.push(deleted(row(1)));
    expect(harness.metrics("join").counters).toMatchObject({ unknownRows: 1 });
    expect(harness.records).toEqual([]);
    await harness.close();
  });

  test("the changes make the join of what both tables hold at each moment", async () => {
    const events = fc.array(
      fc.record({
        side: fc.constantFrom("first", "second"),
        key: fc.constantFrom("a", "b"),
        id: fc.nat(3),
        goes: fc.boolean(),
      }),
      { maxLength: 40 },
    );
    const types = fc.constantFrom<JoinType>("inner", "left", "right", "full");
    await fc.assert(
      fc.asyncProperty(events, types, fc.constantFrom(1, 2, 100), async (given, type, blockEvery) => {
        const harness = await openTwoInputHarness<Change<Row>, Change<Row>, Change<string>>(
          (a, b) =>
            a
              .keyBy(({ value }) => value.key)
              .connect(b.keyBy(({ value }) => value.key))
              .joinChanges("join", {
                ...{ type: type as "full", keep: "forever" },
                on: (x, y) => (x.id + y.id) % 3 !== 0,
                join: (x, y) => `${(x ?? y)?.key} ${pair(x, y)}`,
              }),
          { blockEvery },
        );
        const tables = { first: [] as Row[], second: [] as Row[] };
        const out = new Map<string, number>();
        for (const { side, key, id, goes } of given) {
          const table = tables[side as "first"];
          const at = table.findIndex((held) => held.key === key && held.id === id);
          if (goes && at < 0) continue;
          if (goes) table.splice(at, 1);
          else table.push({ key, id });
          const change = goes ? deleted({ key, id }) : inserted({ key, id });
          if (side === "first") harness.push(change);
          else harness.push2(change);
          for (const element of harness.take()) {
            if (element.kind !== "record") continue;
            const count = (out.get(element.value.value) ?? 0) + (addsRow(element.value) ? 1 : -1);
            expect(count).toBeGreaterThanOrEqual(0);
            out.set(element.value.value, count);
          }
          const rows = [...out].flatMap(([result, count]) => Array.from({ length: count }, () => result));
          expect(rows.toSorted()).toEqual(bruteForce(tables.first, tables.second, type).toSorted());
        }
        await harness.close();
      }),
      { numRuns: 100 },
    );
  });
});

function bruteForce(lefts: readonly Row[], rights: readonly Row[], type: JoinType): string[] {
  const matches = (x: Row, y: Row): boolean => x.key === y.key && (x.id + y.id) % 3 !== 0;
  const rows = lefts.flatMap((x) => rights.filter((y) => matches(x, y)).map((y) => `${x.key} ${pair(x, y)}`));
  if (type === "left" || type === "full")
    rows.push(...lefts.filter((x) => !rights.some((y) => matches(x, y))).map((x) => `${x.key} ${pair(x, undefined)}`));
  if (type === "right" || type === "full")
    rows.push(...rights.filter((y) => !lefts.some((x) => matches(x, y))).map((y) => `${y.key} ${pair(undefined, y)}`));
  return rows;
}

describe("of rows that are only inserted, against brute force", () => {
  type Event =
    | { readonly side: "first" | "second"; readonly row: Row; readonly at: number }
    | { readonly wait: number };
  const row = fc.record({ key: fc.constantFrom("a", "b"), id: fc.nat(2) });
  // Few rows and times, so that many are alike and come at the same time.
  const came = fc.record({ side: fc.constantFrom("first" as const, "second" as const), row, at: fc.nat(1) });
  const event: fc.Arbitrary<Event> = fc.oneof(
    { weight: 5, arbitrary: came },
    { weight: 1, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 6 }) }) },
  );
  const types = fc.constantFrom<JoinType>("inner", "left", "right", "full");

  test.each([["forever"], ["10ms"]] as const)("kept %s by the clock", async (keep) => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 30 }), types, async (events, type) => {
        const { records } = await driveTwoInEveryWay<Row, Row, Change<string> | string>(
          (a, b) =>
            a
              .keyBy("key")
              .connect(b.keyBy("key"))
              .join("join", {
                ...{ type: type as "full", keep },
                on: (x, y) => (x.id + y.id) % 3 !== 0,
                join: (x, y) => `${(x ?? y)?.key} ${pair(x, y)}`,
              }),
          events.map((each) =>
            "wait" in each
              ? { advanceTime: each.wait }
              : ({ [each.side]: each.row, at: each.at } as TwoInputStep<Row, Row>),
          ),
        );
        const said = records.map((each) => (typeof each === "string" ? `+I ${each}` : text(each)));
        expect(said.sort()).toEqual(expected(events, type, keep === "forever" ? Number.POSITIVE_INFINITY : 10).sort());
      }),
      { numRuns: 60 },
    );
  });

  /** Each row meets those of the other side that are remembered; the first match of a row that stood alone takes that back. */
  function expected(events: readonly Event[], type: JoinType, keepMs: number): string[] {
    const held = { first: [] as Held[], second: [] as Held[] };
    const keeps = { first: type === "left" || type === "full", second: type === "right" || type === "full" };
    const changes: string[] = [];
    let now = 0;
    for (const each of events) {
      if ("wait" in each) {
        now += each.wait;
        continue;
      }
      const { side, row: one } = each;
      const otherSide = side === "first" ? "second" : "first";
      const result = (own: Row | undefined, other: Row | undefined): string =>
        `${(own ?? other)?.key} ${side === "first" ? pair(own, other) : pair(other, own)}`;
      let matched = false;
      for (const other of held[otherSide]) {
        const isMatch = other.row.key === one.key && (other.row.id + one.id) % 3 !== 0;
        if (!isMatch || other.stamp + keepMs <= now) continue;
        if (keeps[otherSide] && !other.matched) {
          changes.push(`-D ${result(undefined, other.row)}`);
          other.stamp = now;
        }
        matched = other.matched = true;
        changes.push(`+I ${result(one, other.row)}`);
      }
      if (keeps[side] && !matched) changes.push(`+I ${result(one, undefined)}`);
      held[side].push({ row: one, stamp: now, matched });
    }
    return changes;
  }

  interface Held {
    readonly row: Row;
    stamp: number;
    matched: boolean;
  }
});

test("at any parallelism", async () => {
  const rows = (from: number): Row[] =>
    Array.from({ length: 60 }, (_, at) => ({ key: `k${(at * 7) % 9}`, id: from + at }));
  const [some, others] = [rows(0), rows(100)];
  const expected = some.flatMap((a) => others.filter((b) => a.key === b.key).map((b) => pair(a, b))).toSorted();
  await runEverywhere(
    (env) => {
      env
        .from(fromArray(some), { name: "some" })
        .keyBy("key")
        .connect(env.from(fromArray(others), { name: "others" }).keyBy("key"))
        .join("join", { keep: "forever", join: pair })
        .to(collectTo("out"));
    },
    ({ rows: collected }) => expect(collected<string>("out").toSorted()).toEqual(expected),
  );
});
