/** The plan of a run that kills processes: from a seed, and leaving out nothing. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { everyPointOnce, jobNames, type Round, roundsOf } from "./plan.ts";
import { overtakingPoints, points } from "./points.ts";

const strikesOf = ({ strikes, ending }: Round) => (ending === undefined ? strikes : [...strikes, ending]);
const namesOf = (rounds: readonly Round[]) =>
  rounds.flatMap(strikesOf).flatMap((strike) => (strike.kind === "point" ? [strike.point.name] : []));
const all = points.map(({ name }) => name).toSorted();

const options = { seed: 1, rounds: 20, jobs: jobNames, pointsARound: 4, randomARound: 2 };

test("a round can be run again by its number: it is the same in every run of the seed that has it", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 12 }), (seed, rounds, more) => {
      const again = roundsOf({ ...options, seed, rounds: rounds + more });
      expect(again.slice(0, rounds)).toEqual(roundsOf({ ...options, seed, rounds }));
    }),
  );
});

test("20 rounds meet every fault point, whatever the seed, and each job", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const rounds = roundsOf({ ...options, seed });
      const met = [...all, ...overtakingPoints.map(({ name }) => name)];
      expect([...new Set(namesOf(rounds))].toSorted()).toEqual(met.toSorted());
      expect(new Set(rounds.map(({ job }) => job))).toEqual(new Set(jobNames));
    }),
  );
});

test.each([1, 2, 3, 7])("every point once in %i rounds, those of workers before the coordinator's", (count) => {
  const rounds = everyPointOnce("windows", count);
  const ends = points.filter(({ when }) => when === "ending").slice(count);
  const met = points.filter((point) => !ends.includes(point)).map(({ name }) => name);
  expect(namesOf(rounds).toSorted()).toEqual(met.toSorted());
  for (const { strikes } of rounds) {
    const processes = strikes.flatMap((strike) => (strike.kind === "point" ? [strike.point.process] : []));
    expect(processes).toEqual(processes.toSorted((a, b) => b.localeCompare(a)));
  }
});
