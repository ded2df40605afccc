import { expect, test } from "vitest";
import type { NexmarkEvent } from "../../../bench/nexmark/events.ts";
import { EventGenerator, generatorPositions } from "../../../bench/nexmark/generator/event-generator.ts";
import { type NexmarkSplit, nexmark } from "../../../bench/nexmark/source.ts";
import { enumeratorContext, readSource, sourceConformance, splitsOf } from "../../conformance/source.ts";
import { fakeContext, ManualClock } from "../../connectors/fake-context.ts";

const baseTime = 1_436_918_400_000;

/** The events of all generators, by turns. */
function eventsInTurns(events: number, generators: number, tps = 100_000): NexmarkEvent[] {
  const all = generatorPositions(events, generators, 42).map(
    (position) => new EventGenerator({ seed: 42, baseTime, tps, generators }, position),
  );
  const made: NexmarkEvent[] = [];
  while (all.some((generator) => generator.left > 0))
    for (const generator of all) if (generator.left > 0) made.push(generator.next());
  return made;
}

sourceConformance("nexmark with one generator", () => ({
  source: nexmark({ events: 130 }),
  expected: eventsInTurns(130, 1),
}));
sourceConformance("nexmark with three generators", () => ({
  source: nexmark({ events: 100, generators: 3 }),
  expected: eventsInTurns(100, 3),
}));
sourceConformance("nexmark at a rate", () => ({
  source: nexmark({ events: 97, generators: 2, tps: 50, throttled: true }),
  expected: eventsInTurns(97, 2, 50),
}));
sourceConformance("nexmark of nothing", () => ({ source: nexmark({ events: 0 }), expected: [] }));

test("generators share the ids, cover the same time, and have the events that divide unevenly in the last", async () => {
  const { records } = await readSource(nexmark({ events: 100, generators: 3 }));
  const times = records.map(({ dateTime }) => dateTime);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(generatorPositions(100, 3, 42).map(({ firstId, events }) => [firstId, events])).toEqual([
    [1, 33],
    [34, 33],
    [67, 34],
  ]);
});

test("no more splits than generators; those of a job at another parallelism are divided anew, from where they were", async () => {
  const source = nexmark({ events: 300, generators: 3 });
  expect(await splitsOf(source, 8)).toHaveLength(3);
  const [first, second] = (await splitsOf(source, 2)) as [NexmarkSplit, NexmarkSplit];
  expect(first).toHaveLength(2);
  const reader = source.reader(fakeContext());
  await reader.begin(first);
  const before: NexmarkEvent[] = [];
  await reader.read((event) => void before.push(event), 51, { blocked: false });
  const cut = { reading: [{ split: first, position: structuredClone(reader.position()) }], enumerator: [second] };
  const { reading, enumerator } = source.redistribute?.(cut, 3) ?? { reading: [], enumerator: [] };
  expect(reading).toEqual([]);
  const after: NexmarkEvent[] = [];
  for (const split of enumerator as NexmarkSplit[]) {
    const rest = source.reader(fakeContext());
    await rest.begin(split);
    while ((await rest.read((event) => void after.push(event), 7, { blocked: false })) === "more");
  }
  const texts = (events: readonly NexmarkEvent[]): string[] => events.map((event) => JSON.stringify(event)).sort();
  expect(texts([...before, ...after])).toEqual(texts(eventsInTurns(300, 3)));
});

test("without a number of events it is unbounded; generators then begin far apart", async () => {
  const source = nexmark({ generators: 2 });
  expect(source.bounded).toBe(false);
  const [, second] = (await splitsOf(source, 2)) as [NexmarkSplit, NexmarkSplit];
  const reader = source.reader(fakeContext());
  await reader.begin(second);
  const events: NexmarkEvent[] = [];
  expect(await reader.read((event) => void events.push(event), 60, { blocked: false })).toBe("more");
  const people = events.flatMap((event) => (event.type === "person" ? [event.id] : []));
  expect(people.every((id) => Number.isSafeInteger(id) && id > 1e12)).toBe(true);
  const enumerator = await source.enumerate(enumeratorContext(2));
  await enumerator.close?.();
});

test("throttled, an event comes when it is due, and read says how long that is", () => {
  const clock = new ManualClock();
  const reader = nexmark({ tps: 100, throttled: true, events: 1000 }).reader(fakeContext({ clock }));
  void reader.begin(generatorPositions(1000, 1, 42));
  let pushed = 0;
  const read = (): unknown => reader.read(() => void pushed++, 500, { blocked: false });
  expect(read()).toBe("more");
  expect(pushed).toBe(1);
  expect(read()).toBe(10);
  clock.ms += 250;
  expect(read()).toBe("more");
  expect(pushed).toBe(26);
});

test("throttled, generators without events take no part in the rate", () => {
  const clock = new ManualClock();
  const reader = nexmark({ tps: 50, throttled: true, events: 3, generators: 5 }).reader(fakeContext({ clock }));
  void reader.begin(generatorPositions(3, 5, 42));
  let pushed = 0;
  const read = (): unknown => reader.read(() => void pushed++, 500, { blocked: false });
  expect([read(), pushed, read()]).toEqual(["more", 1, 100]);
  clock.ms += 200;
  expect([read(), pushed]).toEqual(["end", 3]);
});

test.each([
  [{ tps: 0 }, "tps of nexmark must be at least 0.002 and finite, got 0"],
  [{ tps: 0.005, generators: 3 }, "tps of nexmark must be at least 0.006 and finite, got 0.005"],
  [{ tps: Number.POSITIVE_INFINITY }, "tps of nexmark must be at least 0.002 and finite, got Infinity"],
  [{ events: -1 }, "events of nexmark must be a whole number of at least 0, got -1"],
  [{ events: 2 ** 53 }, "events of nexmark must be a whole number from 0 to 9007199254740991, got 9007199254740992"],
  [{ generators: 0 }, "generators of nexmark must be a whole number of at least 1, got 0"],
  [{ generators: 1025 }, "generators of nexmark must be a whole number from 1 to 1024, got 1025"],
  [{ seed: 1.5 }, "seed of nexmark must be a whole number of at least 0, got 1.5"],
  [{ baseTime: -1 }, "baseTime of nexmark must be a whole number of at least 0, got -1"],
  [{ baseTime: 9e15 }, "baseTime of nexmark must be a whole number from 0 to 8640000000000000, got 9000000000000000"],
])("%j is refused", (options, message) => {
  expect(() => nexmark(options)).toThrow(expect.objectContaining({ code: "BAD_OPTION", message }));
});
