/** Patterns of every kind over random small streams, against the reference that tries everything. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { namesOf } from "../../../core/pattern-match.ts";
import type { DataStream, PatternMatch } from "../../../index.ts";
import { drive, driveInEveryWay, type Step } from "../drive.ts";
import { drawnAfterMatch, drawnEvents, drawnPattern, textOf, written } from "./drawn-patterns.ts";
import { type DrawnPattern, type Event, type Letter, referenceMatches } from "./reference.ts";

interface Placed extends Letter {
  readonly key: string;
  readonly at: number;
}

const runs = Number(process.env["PATTERN_RUNS"] ?? 60);

function matched(drawn: DrawnPattern, afterMatch: Parameters<typeof referenceMatches>[2]) {
  const wanted = written(drawn);
  return (input: DataStream<Placed>) =>
    input.keyBy("key").match(wanted as never, { afterMatch } as never) as unknown as DataStream<
      PatternMatch<Placed, string>
    >;
}

function isWritable(drawn: DrawnPattern, after: Parameters<typeof referenceMatches>[2]): boolean {
  if (typeof after === "string") return true;
  const [step] = Object.values(after);
  const { steps } = written(drawn).spec;
  return namesOf(steps).includes(step as string) && !("skipToFirst" in after && steps[0]?.name === step);
}

const stepsOf = (events: readonly Event[], shuffle: readonly number[], key = "k"): Step<Placed>[] =>
  events
    .map(({ value, time }, at) => ({ place: shuffle[at] ?? 0, time, value: { ...value, key, at } }))
    .toSorted((a, b) => a.time - b.time || a.value.at - b.value.at)
    .map(({ value, time }): Step<Placed> => [value, time]);

test("matches of records in order, with watermarks between them", { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(drawnPattern, drawnEvents, drawnAfterMatch, async (drawn, events, after) => {
      fc.pre(isWritable(drawn, after));
      const steps = stepsOf(events, []).flatMap((step): Step<Placed>[] => {
        const time = (step as readonly [Placed, number])[1];
        return [step, { watermark: time - 1 }];
      });
      const { records } = await driveInEveryWay(
        matched(drawn, after),
        [...steps, { watermark: Number.POSITIVE_INFINITY }],
        { watermarks: false },
      );
      expect(records.map(textOf).toSorted()).toEqual(referenceMatches(drawn, events, after).toSorted());
    }),
    { numRuns: runs },
  );
});

test("matches of records in any order before one watermark, of several keys", { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      drawnPattern,
      drawnEvents,
      drawnEvents,
      drawnAfterMatch,
      fc.infiniteStream(fc.nat(100)),
      async (drawn, one, other, after, random) => {
        fc.pre(isWritable(drawn, after));
        const byTime = (steps: readonly Step<Placed>[]) => steps as readonly (readonly [Placed, number])[];
        // Records of one time stay in order; those of different times are shuffled.
        const all = [...byTime(stepsOf(one, [], "one")), ...byTime(stepsOf(other, [], "other"))];
        const places = new Map<string, number>();
        const placeOf = ([{ key }, time]: readonly [Placed, number]): number => {
          const id = `${key} ${time}`;
          if (!places.has(id)) places.set(id, random.next().value as number);
          return places.get(id) as number;
        };
        const shuffled = all.map((step) => [placeOf(step), step] as const).toSorted(([a], [b]) => a - b);
        const { records } = await drive(matched(drawn, after), [
          ...shuffled.map(([, step]) => step),
          { watermark: Number.POSITIVE_INFINITY },
        ]);
        for (const [key, events] of [
          ["one", one],
          ["other", other],
        ] as const)
          expect(
            records
              .filter((each) => each.key === key)
              .map(textOf)
              .toSorted(),
          ).toEqual(referenceMatches(drawn, events, after).toSorted());
      },
    ),
    { numRuns: runs },
  );
});
