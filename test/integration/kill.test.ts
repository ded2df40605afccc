/**
 * Every fault point of docs/fault-points.md kills its process once while a window job runs, and the job's output is that of
 * an undisturbed run. `npm run test:kill` does more of it, with other jobs.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { roundJob } from "../kill/jobs.ts";
import { everyPointOnce, textOf } from "../kill/plan.ts";
import { points } from "../kill/points.ts";
import { type RoundJob, runRound } from "../kill/run-round.ts";
import { endsAllProcesses, workFolder } from "./cluster/processes.ts";

endsAllProcesses();

const rounds = everyPointOnce("windows", 3);
const hit: string[] = [];
const folder = await workFolder();
let windows: RoundJob;

beforeAll(async () => {
  windows = await roundJob("windows", folder.path);
}, 120_000);

afterAll(() => folder[Symbol.asyncDispose]());

describe("a window job whose processes kill themselves", () => {
  test.each(rounds.map((round) => ({ at: round.strikes.map(textOf).join(", "), round })))(
    "at $at: its output is that of an undisturbed run",
    async ({ round }) => {
      await using own = await workFolder();
      const { kills, missed } = await runRound(own.path, round, windows);
      expect(missed).toEqual([]);
      hit.push(...kills);
    },
    600_000,
  );

  test("has met every fault point", () => {
    expect(points.map(({ name }) => name).filter((name) => !hit.includes(name))).toEqual([]);
  });
});
