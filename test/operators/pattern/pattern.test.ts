import { describe, expect, test } from "vitest";
import {
  type AfterMatch,
  collectTo,
  type DataStream,
  fromArray,
  outputTag,
  type Pattern,
  type PatternMatch,
  type PatternOptions,
  pattern,
  type TimedOutMatch,
} from "../../../index.ts";
import { openHarness, VirtualClock } from "../../../runtime/testing/index.ts";
import { driveInEveryWay, type Step } from "../drive.ts";
import { runEverywhere } from "../run-everywhere.ts";

interface Event {
  /** A letter and a number. */
  readonly id: string;
}

const begin = (): ReturnType<typeof pattern<Event>> => pattern<Event>("letters");
const is =
  (letter: string) =>
  ({ id }: Event): boolean =>
    id.startsWith(letter);
const end = { watermark: Number.POSITIVE_INFINITY };

/** "c a1 d" as records that are a millisecond apart. */
const events = (text: string): Step<Event>[] => text.split(" ").map((id, at): Step<Event> => [{ id }, at]);

type Match = PatternMatch<Event>;
const textOf = ({ taken }: Match): string =>
  Object.values(taken)
    .flat()
    .map(({ id }) => id)
    .join(" ");

function look(wanted: Pattern<Event, string>, options: Partial<PatternOptions<Event>> = {}) {
  return (input: DataStream<Event>) =>
    input.keyBy(() => "key").match(wanted as never, options as never) as unknown as DataStream<Match>;
}

async function found(
  wanted: Pattern<Event, string>,
  text: string,
  afterMatch: AfterMatch = "noSkip",
): Promise<string[]> {
  const { records } = await driveInEveryWay(look(wanted, { afterMatch }), [...events(text), end]);
  return records.map(textOf);
}

const ab = (): Pattern<Event, string> => begin().begin("a").where(is("a"));

describe("how near records follow", () => {
  test.each([
    ["next", "a1 b1 c b2", ["a1 b1"]],
    ["next", "a1 c b1", []],
    ["followedBy", "a1 c b1 b2", ["a1 b1"]],
    ["followedByAny", "a1 c b1 b2", ["a1 b1", "a1 b2"]],
  ] as const)("%s in %s", async (near, text, expected) => {
    expect(await found(ab()[near]("b").where(is("b")), text)).toEqual(expected);
  });

  test("a b+ c, as Flink's documentation has it", async () => {
    const loop = ab().followedByAny("b").where(is("b")).oneOrMore();
    const text = "a b1 d1 b2 d2 b3 c";
    const c = (looped: Pattern<Event, string>) => found(looped.followedBy("c").where(is("c")), text);
    expect(await c(loop.consecutive())).toEqual(["a b1 c", "a b2 c", "a b3 c"]);
    expect(await c(loop)).toEqual(["a b1 b2 b3 c", "a b1 b2 c", "a b2 b3 c", "a b1 c", "a b2 c", "a b3 c"]);
    expect(await c(loop.allowCombinations())).toEqual([
      ...["a b1 b2 b3 c", "a b1 b2 c", "a b1 b3 c", "a b2 b3 c"],
      ...["a b1 c", "a b2 c", "a b3 c"],
    ]);
  });
});

describe("greedy steps", () => {
  const c = begin().begin("c").where(is("c"));
  const greedy = c.followedBy("a").where(is("a")).oneOrMore().optional().greedy();
  const d = greedy.followedBy("d").where(is("d"));

  test.each([
    ["c a1 a2 a3 d", d, ["c a1 a2 a3 d"]],
    ["c x a1 x a2 x a3 d", d, ["c a1 a2 a3 d"]],
    ["c a1 a2 x d", d, ["c a1 a2 d"]],
    ["c x d", d, ["c d"]],
    ["c a1 a2 x e", greedy.followedBy("d").where(is("d")).optional().followedBy("e").where(is("e")), ["c a1 a2 e"]],
    [
      "c a1 a2 d e",
      greedy.followedBy("d").where(is("d")).optional().followedBy("e").where(is("e")),
      ["c a1 a2 d e", "c a1 a2 e"],
    ],
  ])("take all that they can of %s", async (text, wanted, expected) => {
    expect(await found(wanted, text)).toEqual(expected);
  });

  test("need something behind them", async () => {
    await expect(openHarness(look(greedy))).rejects.toThrow(
      /"a" is greedy, so a step that is not optional must follow/,
    );
  });
});

describe("what must not come", () => {
  test.each([
    ["a1 b1", []],
    ["a1 c1 b1", ["a1 c1"]],
    ["a1 b1 c1", []],
    ["a1 d c1", ["a1 c1"]],
  ])("before the next step, in %s", async (text, expected) => {
    expect(await found(ab().notFollowedBy("b").where(is("b")).followedBy("c").where(is("c")), text)).toEqual(expected);
  });

  test.each([
    ["a1 b1", []],
    ["a1 c1", ["a1"]],
    ["a1", []],
  ])("next, at the end, in %s", async (text, expected) => {
    expect(await found(ab().notNext("b").where(is("b")), text)).toEqual(expected);
  });

  test("until the time is over", async () => {
    const wanted = ab().notFollowedBy("b").where(is("b")).within("5ms");
    const { elements } = await driveInEveryWay(look(wanted), [
      ...events("a1 a2 b1 a3"),
      { watermark: 7 },
      { watermark: 8 },
    ]);
    expect(
      elements.map((each) => (each.kind === "record" ? `${textOf(each.value)} at ${each.timestamp}` : each)),
    ).toEqual([{ kind: "watermark", timestamp: 7 }, "a3 at 8", { kind: "watermark", timestamp: 8 }]);
  });
});

describe("after a match", () => {
  const bs = begin().begin("b").where(is("b")).oneOrMore().followedBy("c").where(is("c"));

  test.each([
    ["noSkip", ["b1 b2 b3 c1", "b1 b2 c1", "b1 c1", "b2 b3 c1", "b2 c1", "b3 c1"]],
    ["skipToNext", ["b1 b2 b3 c1", "b2 b3 c1", "b3 c1"]],
    ["skipPastLastEvent", ["b1 b2 b3 c1"]],
    [{ skipToLast: "b" }, ["b1 b2 b3 c1", "b3 c1"]],
  ] as const)("%j", async (afterMatch, expected) => {
    expect(await found(bs, "b1 b2 b3 c1", afterMatch as AfterMatch)).toEqual(expected);
  });

  test("skipToFirst goes on from the first record of a step", async () => {
    const wanted = begin()
      .begin("a")
      .where(({ id }) => /^[ab]/.test(id))
      .oneOrMore()
      .consecutive()
      .next("b")
      .where(is("b"))
      .next("c")
      .where(is("c"));
    expect(await found(wanted, "a1 a2 b1 c1", { skipToFirst: "b" })).toEqual(["a1 a2 b1 c1"]);
  });

  test("a complete match waits while an earlier beginning is open, and not beyond its time", async () => {
    const wanted = ab()
      .followedBy("b")
      .where(({ id }, taken) => id[1] === taken.of("a")[0]?.id[1])
      .within("6ms");
    const { elements } = await driveInEveryWay(look(wanted, { afterMatch: "skipPastLastEvent" }), [
      ...events("a1 a2 b2"),
      { watermark: 5 },
      { watermark: 6 },
    ]);
    expect(
      elements.map((each) => (each.kind === "record" ? `${textOf(each.value)} at ${each.timestamp}` : each.kind)),
    ).toEqual([...["watermark", "a2 b2 at 6", "watermark"]]);
  });
});

describe("times", () => {
  const timedOut = outputTag<TimedOutMatch<Event>>("timed out");
  const late = outputTag<Event>("late");
  const sides = [timedOut, late] as never[];

  test("a match that takes too long goes to the side output, once its time is over", async () => {
    const wanted = ab().followedBy("b").where(is("b")).within("5ms");
    const { records, sides: out } = await driveInEveryWay(
      look(wanted, { timedOut }),
      [
        [{ id: "a1" }, 0],
        [{ id: "b1" }, 4],
        [{ id: "a2" }, 10],
        { watermark: 14 },
        [{ id: "b2" }, 15],
        { watermark: 20 },
      ],
      { sides },
    );
    expect(records.map(textOf)).toEqual(["a1 b1"]);
    expect(out["timed out"]).toEqual([
      { key: "key", startTime: 10, endTime: 10, taken: { a: [{ id: "a2" }], b: [] }, timedOutAt: 15 },
    ]);
  });

  test("of a step it is counted from the record before", async () => {
    const wanted = ab()
      .followedBy("b")
      .where(is("b"))
      .within("3ms", { sincePrevious: true })
      .followedBy("c")
      .where(is("c"));
    const { records, sides: out } = await driveInEveryWay(
      look(wanted, { timedOut }),
      [
        [{ id: "a1" }, 0],
        [{ id: "b1" }, 2],
        [{ id: "a2" }, 5],
        [{ id: "b2" }, 8],
        [{ id: "c1" }, 50],
        { watermark: 60 },
      ],
      { sides },
    );
    expect(records.map(textOf)).toEqual(["a1 b1 c1"]);
    expect(out["timed out"]).toMatchObject([{ taken: { a: [{ id: "a2" }] }, timedOutAt: 8 }]);
  });

  test("records that the watermark has passed are late", async () => {
    const wanted = ab().followedBy("b").where(is("b"));
    const { records, sides: out } = await driveInEveryWay(
      look(wanted, { late }),
      [[{ id: "a1" }, 5], { watermark: 10 }, [{ id: "b1" }, 10], [{ id: "b2" }, 11], { watermark: 20 }],
      { sides },
    );
    expect(records.map(textOf)).toEqual(["a1 b2"]);
    expect(out["late"]).toEqual([{ id: "b1" }]);
  });

  test("records come in the order of their times, however they were read", async () => {
    const { records } = await driveInEveryWay(look(ab().next("b").where(is("b"))), [
      [{ id: "b1" }, 2],
      [{ id: "c1" }, 4],
      [{ id: "a1" }, 1],
      [{ id: "b2" }, 5],
      [{ id: "a2" }, 3],
      { watermark: 10 },
    ]);
    expect(records.map(textOf)).toEqual(["a1 b1"]);
  });

  test("records that have waited since before a restart are looked at in their order among those that come behind it", async () => {
    const build = look(ab().next("b").where(is("b")).next("c").where(is("c")));
    const first = await openHarness(build);
    first.push({ id: "a1" }, 1);
    first.push({ id: "c1" }, 5);
    const second = await openHarness(build, { restore: [first.snapshot()] });
    second.push({ id: "b1" }, 3);
    second.watermark(10);
    expect(second.records.map(textOf)).toEqual(["a1 b1 c1"]);
    await first.close();
    await second.close();
  });

  test("by processing time, records are looked at when they come and time runs by the clock", async () => {
    const wanted = ab().followedBy("b").where(is("b")).within("5ms");
    const { records, sides: out } = await driveInEveryWay(
      look(wanted, { time: "processing", timedOut }),
      [[{ id: "a1" }], { advanceTime: 4 }, [{ id: "b1" }], [{ id: "a2" }], { advanceTime: 5 }, [{ id: "b2" }]],
      { sides },
    );
    expect(records.map(textOf)).toEqual(["a1 b1"]);
    expect(out["timed out"]).toMatchObject([{ taken: { a: [{ id: "a2" }] }, timedOutAt: 9 }]);
  });
});

test("conditions see what the match has taken", async () => {
  const rising = begin()
    .begin("up")
    .where(({ id }, taken) => id > (taken.of("up").at(-1)?.id ?? ""))
    .timesOrMore(3)
    .consecutive()
    .next("down")
    .where(({ id }, taken) => id < (taken.of("up").at(-1)?.id ?? ""));
  expect(await found(rising, "3 1 2 4 6 5", "skipPastLastEvent")).toEqual(["1 2 4 6 5"]);
});

test("a group repeats as a whole", async () => {
  const pair = pattern<Event>("pair").begin("a").where(is("a")).next("b").where(is("b"));
  const wanted = begin().begin("x").where(is("x")).next(pair).times(2).consecutive().next("y").where(is("y"));
  const { records } = await driveInEveryWay(look(wanted), [...events("x a1 b1 a2 b2 y"), end]);
  expect(records.map(({ taken }) => [taken["a"], taken["b"]])).toEqual([
    [
      [{ id: "a1" }, { id: "a2" }],
      [{ id: "b1" }, { id: "b2" }],
    ],
  ]);
  expect(await found(wanted, "x a1 b1 y")).toEqual([]);
});

test("a key at which nothing is open is forgotten", async () => {
  const harness = await openHarness<Event, Match>(
    (input) => input.keyBy("id").match(ab().next("b").where(is("b"))) as unknown as DataStream<Match>,
  );
  for (let i = 0; i < 5000; i++) harness.push({ id: `x${i}` }, i);
  harness.push({ id: "a" }, 5001);
  harness.watermark(6000);
  const bytes = [...harness.snapshot().values()].flatMap(({ keyed }) => [...(keyed?.values() ?? [])].flat());
  expect(bytes.reduce((sum, part) => sum + part.length, 0)).toBeLessThan(4000);
});

test("a long repetition keeps what it has taken once, and forgets what it no longer needs", async () => {
  const wanted = ab().oneOrMore().consecutive().next("b").where(is("b")).within("20ms");
  const harness = await openHarness(look(wanted), { clock: new VirtualClock() });
  for (let i = 0; i < 2000; i++) {
    harness.push({ id: `a${i}` }, i);
    harness.watermark(i);
  }
  const before = harness.snapshot();
  const size = [...before.values()]
    .flatMap(({ keyed }) => [...(keyed?.values() ?? [])].flat())
    .reduce((sum, part) => sum + part.length, 0);
  expect(size).toBeLessThan(60_000);
  harness.push({ id: "b" }, 2000);
  harness.watermark(2000);
  expect(harness.records.length).toBe(19);
});

test("a pattern is found at any parallelism", async () => {
  const all = Array.from({ length: 400 }, (_, i) => ({ id: "abc"[i % 3] as string, user: (i * 7) % 11, at: i }));
  const wanted = pattern<(typeof all)[number]>("abc")
    .begin("a")
    .where(is("a"))
    .followedBy("b")
    .where(is("b"))
    .followedBy("c")
    .where(is("c"));
  const expected = await runsOf(1);
  await runEverywhere(build, ({ rows }) =>
    expect(textsOf(rows<PatternMatch<(typeof all)[number]>>("matches"))).toEqual(expected),
  );

  function build(env: Parameters<Parameters<typeof runEverywhere>[0]>[0]): void {
    env
      .from(fromArray(all), { parallelism: 1 })
      .withTimestamps(({ at }) => at, { outOfOrderness: "5ms" })
      .keyBy("user")
      .match(wanted, { afterMatch: "skipPastLastEvent" })
      .to(collectTo("matches"));
  }
  function textsOf(rows: readonly PatternMatch<(typeof all)[number]>[]): string[] {
    return rows.map(({ key, startTime, endTime }) => `${key} ${startTime} ${endTime}`).toSorted();
  }
  async function runsOf(parallelism: number): Promise<string[]> {
    const results: string[][] = [];
    await runEverywhere(build, (outcome) => {
      if (outcome.parallelism === parallelism) results.push(textsOf(outcome.rows("matches")));
    });
    expect(results[0]?.length).toBeGreaterThan(50);
    return results[0] as string[];
  }
});

describe("patterns that are refused", () => {
  test.each<readonly [string, () => Pattern<Event, string>, RegExp]>([
    ["two steps of a name", () => ab().next("a"), /two of its steps are named "a"/],
    ["only optional steps", () => ab().optional(), /all of its steps are optional/],
    ["what must not come at the end, without a time", () => ab().notFollowedBy("b"), /add within/],
    ["times of nothing", () => ab().times(0), /times\(0, 0\)/],
    ["times backwards", () => ab().times(3, 2), /times\(3, 2\)/],
    ["until without a repetition", () => ab().until(is("b")), /until\(\) of a step that is not oneOrMore/],
    ["a quantifier of what must not come", () => ab().notNext("b").oneOrMore(), /of which no record comes/],
    ["conditions of a group", () => begin().begin(ab()).where(is("a")), /give it to the group's steps/],
    ["a greedy group", () => begin().begin(ab()).oneOrMore().greedy(), /only single steps can be greedy/],
    ["a group with a time", () => begin().begin(ab().within("1s")), /give within to the whole pattern/],
    ["too many repetitions", () => ab().times(999).next("b").times(999), /more than 1000 records/],
    ["an asynchronous condition", () => ab().where((async () => true) as never), /must be synchronous/],
  ])("%s", async (_, wrong, message) => {
    await expect((async () => openHarness(look(wrong())))()).rejects.toThrow(message);
  });

  test.each([
    [{ skipToLast: "z" }, /no step "z"/],
    [{ skipToFirst: "a" }, /the same match again/],
  ] as const)("skipping: %j", async (afterMatch, message) => {
    const wanted = ab().next("b").where(is("b"));
    await expect(openHarness(look(wanted, { afterMatch: afterMatch as never }))).rejects.toThrow(message);
  });

  test("records without event time", async () => {
    const harness = await openHarness(look(ab()));
    expect(() => harness.push({ id: "a" })).toThrow(/withTimestamps/);
  });
});
