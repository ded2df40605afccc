import fc from "fast-check";
import { expect, test } from "vitest";
import {
  collectTo,
  defineJob,
  fromArray,
  inOrder,
  mergeAnswers,
  onlineRecommender,
  type RecommenderAnswer,
  type RecommenderInput,
  recommenderSchema,
} from "../../../index.ts";
import { DEFAULTS } from "../../../operators/ml/recommender/config.ts";
import { runInThread } from "../../../runtime/testing/index.ts";
import { answersOf, answersOfNew, openModel, type Purchase, shopperEvents } from "./shop.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;
const words = ["red", "blue", "heart", "mug", "bag", "tin", ""];

/** Purchases of few users and items, so that pairs recur; moments recur too, and some gaps end a visit. */
const purchases = fc
  .array(
    fc.record({
      user: fc.integer({ min: 1, max: 4 }),
      item: fc.nat(24),
      gapMs: fc.constantFrom(0, 0, minuteMs, 40 * minuteMs, 3 * dayMs),
    }),
    { minLength: 1, maxLength: 70 },
  )
  .map((rows) => {
    let time = Date.UTC(2024, 0);
    return rows.map(({ user, item, gapMs }): Purchase => {
      time += gapMs;
      return { user, item, time, description: describe(item) };
    });
  });
const events = purchases.map((rows) => shopperEvents(rows, 12));
const parallelisms = fc.constantFrom(1, 2, 3, 4);

function describe(item: number): string {
  return `${words[item % 7]} ${words[(item * 3 + 1) % 5]}`;
}

/** A longer history than fast-check makes, so that rows fill, baskets are evicted and texts are rebuilt. */
function busyShop(count: number, itemOf: (draw: number) => number = (draw) => draw): RecommenderInput[] {
  let draw = 1;
  const next = (below: number): number => {
    draw = (Math.imul(draw, 1_103_515_245) + 12_345) >>> 0;
    return (draw >>> 8) % below;
  };
  let time = Date.UTC(2024, 0);
  const rows = Array.from({ length: count }, (): Purchase => {
    time += next(4) === 0 ? next(30 * minuteMs) : 0;
    const item = Math.min(next(90), next(90));
    return { user: next(12), item: itemOf(item), time, description: `${describe(item)} ${item % 11}` };
  });
  return shopperEvents(rows, 24);
}

const withoutMs = ({ ms, ...answer }: RecommenderAnswer): Omit<RecommenderAnswer, "ms"> => answer;

test("a list has each item once, best first, among equals the lower item first", async () => {
  await fc.assert(
    fc.asyncProperty(events, parallelisms, async (given, parallelism) => {
      for (const { list, scores } of await answersOfNew(given, parallelism)) {
        expect(scores).toHaveLength(list.length);
        expect(list.length).toBeLessThanOrEqual(20);
        expect(new Set(list).size).toBe(list.length);
        const sorted = list
          .map((item, rank) => ({ item, score: scores[rank] as number }))
          .toSorted((a, b) => b.score - a.score || a.item - b.item);
        expect(list).toEqual(sorted.map(({ item }) => item));
        for (const score of scores) expect(score).toSatisfy(Number.isFinite);
      }
    }),
    { numRuns: 30 },
  );
});

test("a list holds nothing that the shopper has had and nothing that has not been bought yet; of few items all others", async () => {
  await fc.assert(
    fc.asyncProperty(events, async (given) => {
      const seen = new Set<number>();
      const owned = new Map<number, Set<number>>();
      for (const [at, answer] of (await answersOfNew(given)).entries()) {
        const { user, item, wantsList } = given[at] as RecommenderInput;
        const others = new Set([...seen].filter((other) => owned.get(user)?.has(other) !== true));
        expect(answer.list.every((other) => others.has(other))).toBe(true);
        if (!wantsList) expect(answer.list).toEqual([]);
        else if (others.size <= DEFAULTS.shortlist) expect(new Set(answer.list)).toEqual(others);
        if (item < 0) continue;
        seen.add(item);
        owned.set(user, (owned.get(user) ?? new Set()).add(item));
      }
    }),
    { numRuns: 40 },
  );
});

test("an answer has the event's fields and how many purchases had been learnt", async () => {
  const given = busyShop(50);
  let learnt = 0;
  for (const [at, answer] of (await answersOfNew(given, 2)).entries()) {
    const { items, repeat, ...event } = given[at] as RecommenderInput;
    expect(answer).toMatchObject({ ...event, modelVersion: learnt });
    if (event.item >= 0) learnt++;
  }
  expect(learnt).toBe(50);
});

test("items that nothing tells apart come by their numbers", async () => {
  const ids = [9, 3, 7, 1, 5];
  const time = Date.UTC(2024, 0);
  const single = ids.map((item, at): Purchase => ({ user: at, item, time, description: "" }));
  const given = shopperEvents([...single, { user: 99, item: 50, time, description: "" }], 12);
  for (const parallelism of [1, 2, 4]) {
    const last = (await answersOfNew(given, parallelism)).at(-1);
    expect(last?.list).toEqual([1, 3, 5, 7, 9]);
    expect(new Set(last?.scores).size).toBe(1);
  }
});

test("what was bought together is recommended together, and what reads alike", async () => {
  const time = Date.UTC(2024, 0);
  const basket = (user: number, items: readonly number[]): Purchase[] =>
    items.map((item) => ({ user, item, time: time + user * dayMs, description: item < 50 ? "" : `blue mug ${item}` }));
  const given = shopperEvents(
    [
      ...[0, 1, 2, 3].flatMap((user) => [...basket(10 * user, [1, 2]), ...basket(10 * user + 1, [3, 4])]),
      ...[20, 21, 22, 23].flatMap((item) => basket(50 + item, [item])),
      ...basket(80, [60]),
      ...basket(90, [1]),
      ...basket(91, [3]),
      ...basket(92, [61]),
    ],
    12,
  );
  const [first, second, third] = (await answersOfNew(given)).filter(({ item, user }) => item < 0 && user >= 90);
  expect(first?.list[0]).toBe(2);
  expect(second?.list[0]).toBe(4);
  expect(third?.list.slice(0, 3)).toContain(60);
});

test("answers are the same for any parallelism and any batches", async () => {
  await fc.assert(
    fc.asyncProperty(events, parallelisms, fc.integer({ min: 1, max: 9 }), async (given, parallelism, batchRows) => {
      const expected = (await answersOfNew(given)).map(withoutMs);
      expect((await answersOfNew(given, parallelism, { batchRows })).map(withoutMs)).toEqual(expected);
    }),
    { numRuns: 30 },
  );
  const given = busyShop(1500);
  const expected = (await answersOfNew(given)).map(withoutMs);
  for (const parallelism of [2, 3, 4])
    expect((await answersOfNew(given, parallelism)).map(withoutMs)).toEqual(expected);
});

test("a job answers the same with 1, 2, 3 and 4 subtasks, whoever runs first", async () => {
  const given = busyShop(120);
  const expected = (await answersOfNew(given)).map(withoutMs);
  const job = defineJob(
    import.meta,
    "served",
    (env, params) => {
      env
        .from(fromArray(given), { name: "shop", parallelism: 1 })
        .withTimestamps(({ position }) => position)
        .keyBy(() => 0)
        .transform<RecommenderInput>("in-order", inOrder({ position: ({ position }) => position }), { parallelism: 1 })
        .broadcast()
        .transform<RecommenderAnswer>("model", onlineRecommender(), {
          reads: Object.keys(recommenderSchema),
          parallelism: params.subtasks,
        })
        .keyBy(() => 0)
        .transform<RecommenderAnswer>(
          "merge",
          inOrder({ position: ({ position }) => position, combine: mergeAnswers }),
          {
            parallelism: 1,
          },
        )
        .to(collectTo("answers"), { parallelism: 1 });
    },
    { params: { subtasks: 1 } },
  );
  for (const subtasks of [1, 2, 3, 4]) {
    for (const seed of [1, 2]) {
      const handle = await runInThread(job, { seed, params: { subtasks } });
      await handle.result;
      expect(handle.collect<RecommenderAnswer>("answers").map(withoutMs)).toEqual(expected);
    }
  }
});

test("a model restored in the middle answers as if nothing had happened, with any number of subtasks", async () => {
  await fc.assert(
    fc.asyncProperty(
      events,
      parallelisms,
      parallelisms,
      fc.double({ min: 0, max: 1, noNaN: true }),
      restoredAnswersEqual,
    ),
    { numRuns: 30 },
  );
  const given = busyShop(1500);
  for (const [before, after] of [
    [1, 1],
    [2, 2],
    [1, 4],
    [4, 1],
    [2, 3],
  ] as const)
    await restoredAnswersEqual(given, before, after, 0.6);
});

async function restoredAnswersEqual(
  given: readonly RecommenderInput[],
  before: number,
  after: number,
  share: number,
): Promise<void> {
  const cut = Math.floor(given.length * share);
  const first = await openModel(before);
  const answers = await answersOf(first, given.slice(0, cut));
  const snapshots = first.map((subtask) => subtask.snapshot());
  // What the model learns behind the snapshot does not get into it.
  const undisturbed = [...answers, ...(await answersOf(first, given.slice(cut)))].map(withoutMs);
  const second = await openModel(after, {}, snapshots);
  const restored = [...answers, ...(await answersOf(second, given.slice(cut)))].map(withoutMs);
  expect(restored).toEqual(undisturbed);
}

test("a model restored after every event answers as if nothing had happened", async () => {
  const given = busyShop(40);
  const expected = (await answersOfNew(given)).map(withoutMs);
  const answers: RecommenderAnswer[] = [];
  let subtasks = await openModel(2);
  for (const event of given) {
    answers.push(...(await answersOf(subtasks, [event])));
    const snapshots = subtasks.map((subtask) => subtask.snapshot());
    await Promise.all(subtasks.map((subtask) => subtask.close()));
    subtasks = await openModel(2, {}, snapshots);
  }
  expect(answers.map(withoutMs)).toEqual(expected);
});

test("item numbers may be as large as a safe integer", async () => {
  const largest = Number.MAX_SAFE_INTEGER;
  const given = busyShop(300, (item) => largest - item * 1_000_003);
  const answers = await answersOfNew(given);
  expect(new Set(answers.flatMap(({ list }) => list)).size).toBeGreaterThan(20);
  for (const item of answers.flatMap(({ list }) => list)) expect((largest - item) % 1_000_003).toBe(0);
  expect((await answersOfNew(given, 3)).map(withoutMs)).toEqual(answers.map(withoutMs));
});

test("without descriptions lists are made of purchases alone", async () => {
  const given = busyShop(300).map((event) => ({ ...event, description: "" }));
  const answers = await answersOfNew(given);
  expect(answers.at(-1)?.list).toHaveLength(20);
  expect((await answersOfNew(given, 4)).map(withoutMs)).toEqual(answers.map(withoutMs));
  const punctuation = given.map((event) => ({ ...event, description: "?! — ." }));
  expect((await answersOfNew(punctuation)).map(({ list }) => list)).toEqual(answers.map(({ list }) => list));
});

test.each([0, -5_000_000, 1_700_000_000_000])("all purchases may have the one timestamp %d", async (time) => {
  const rows = busyShop(300).filter(({ item }) => item >= 0);
  const given = shopperEvents(
    rows.map((row) => ({ ...row, time })),
    24,
  );
  const served = (await answersOfNew(given)).filter(({ item }) => item < 0);
  expect(served).toHaveLength(new Set(rows.map(({ user }) => user)).size);
  for (const { list } of served.slice(-1)) expect(list).toHaveLength(20);
});

test("many years may lie between purchases", async () => {
  const rows = busyShop(200).filter(({ item }) => item >= 0);
  const given = shopperEvents(
    rows.map((row, at) => ({ ...row, time: Math.floor(at / 10) * 1000 * dayMs })),
    24,
  );
  const answers = await answersOfNew(given);
  for (const score of answers.flatMap(({ scores }) => scores)) expect(score).toSatisfy(Number.isFinite);
  expect(answers.at(-1)?.list).toHaveLength(20);
  expect((await answersOfNew(given, 3)).map(withoutMs)).toEqual(answers.map(withoutMs));
});

test("one shopper alone is never recommended anything", async () => {
  const given = shopperEvents(
    busyShop(200)
      .map((event) => ({ ...event, user: 7 }))
      .filter(({ item }) => item >= 0),
    24,
  );
  for (const { list } of await answersOfNew(given, 2)) expect(list).toEqual([]);
});

test("a config of other sizes keeps the model's promises", async () => {
  const config = {
    ...DEFAULTS,
    shards: 7,
    shortlist: 5,
    rowLengthMax: 8,
    openBasketsMax: 2,
    textRowMax: 2,
    scanEvery: 2,
  };
  const given = busyShop(800);
  const answers = await answersOfNew(given, 1, { config });
  expect(answers.at(-1)?.list).toHaveLength(20);
  const owned = new Map<number, Set<number>>();
  for (const { user, item, list } of answers) {
    const had = owned.get(user) ?? new Set();
    expect(list.some((other) => had.has(other))).toBe(false);
    if (item >= 0) owned.set(user, had.add(item));
  }
  for (const parallelism of [2, 5, 7])
    expect((await answersOfNew(given, parallelism, { config })).map(withoutMs)).toEqual(answers.map(withoutMs));
});

test("subtasks beyond the shards have nothing to add", async () => {
  const given = busyShop(300);
  const answers = await answersOfNew(given, 1);
  for (const parallelism of [5, 8])
    expect((await answersOfNew(given, parallelism)).map(withoutMs)).toEqual(answers.map(withoutMs));
});

test("a list is as long as its config says", async () => {
  const answers = await answersOfNew(busyShop(300), 1, { config: { ...DEFAULTS, listLength: 5 } });
  expect(answers.at(-1)?.list).toHaveLength(5);
});
