/**
 * Kills real processes, with -9, while real jobs run, and compares what they publish with an undisturbed run's.
 *
 *   npm run test:kill -- [--rounds 20] [--seed N] [--job windows|joins|recommender] [--round R] [--points 4] [--random 2] [--keep DIR]
 *
 * Rounds take the jobs in turn, and the fault points in an order that the seed gives (`plan.ts`). `--round R` runs that one
 * alone: what is killed is then the same, though not the moment of it. Ends with 1 when a round has failed; `--keep` keeps of
 * such a round what its processes said, and their data.
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { endAll, workFolder } from "../integration/cluster/process.ts";
import { roundJob } from "./jobs.ts";
import { keepFolder } from "./keep.ts";
import { type JobName, jobNames, type Round, roundsOf, textOf } from "./plan.ts";
import { overtakingPoints, points } from "./points.ts";
import { type RoundJob, type RoundResult, runRound } from "./run-round.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    job: { type: "string" },
    round: { type: "string" },
    points: { type: "string", default: "4" },
    random: { type: "string", default: "2" },
    keep: { type: "string" },
  },
});

const jobs = values.job === undefined ? jobNames : jobNames.filter((name) => name === values.job);
if (jobs.length === 0) throw new Error(`--job is one of ${jobNames.join(", ")}`);
const seed = Number(values.seed);
const rounds = roundsOf({
  ...{ seed, jobs, rounds: Math.max(Number(values.rounds), Number(values.round ?? 0)) },
  ...{ pointsARound: Number(values.points), randomARound: Number(values.random) },
}).filter(({ number }) => values.round === undefined || number === Number(values.round));

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function replay({ number }: Round): string {
  const job = values.job === undefined ? "" : ` --job ${values.job}`;
  return `npm run test:kill -- --seed ${seed}${job} --points ${values.points} --random ${values.random} --round ${number}`;
}

async function run(round: Round, job: RoundJob): Promise<RoundResult | undefined> {
  await using folder = await workFolder();
  const { number, strikes, ending } = round;
  const from = performance.now();
  try {
    const result = await runRound(folder.path, round, job);
    const seconds = ((performance.now() - from) / 1000).toFixed(1);
    say(`round ${number}: ${round.job}, ${result.kills.length} kills, ${result.attempts} attempts, ${seconds} s`);
    return result;
  } catch (error) {
    say(`round ${number}: ${round.job} FAILED: ${(error as Error).message}`);
    say(`  planned: ${[...strikes, ...(ending === undefined ? [] : [ending])].map(textOf).join(", ")}`);
    say(`  again:   ${replay(round)}`);
    if (values.keep !== undefined) await keepFolder(folder.path, join(values.keep, `${seed}-${number}`));
    return undefined;
  }
}

function summary(results: readonly RoundResult[]): void {
  const kills = Map.groupBy(
    results.flatMap((result) => result.kills),
    (name) => name,
  );
  const recovery = results.flatMap(({ recoveryMs }) => recoveryMs).sort((a, b) => a - b);
  const at = (share: number): string => (recovery[Math.floor((recovery.length - 1) * share)] ?? 0).toFixed(0);
  say(`\n${results.length} of ${rounds.length} rounds are as they should be, seed ${seed}`);
  say(
    `kills: ${[...kills]
      .map(([name, all]) => `${name} ${all.length}`)
      .sort()
      .join(", ")}`,
  );
  say(`from a kill until the job ran again: median ${at(0.5)} ms, 90 % within ${at(0.9)} ms, longest ${at(1)} ms`);
  const never = [...points, ...overtakingPoints].filter(({ name }) => !kills.has(name)).map(({ name }) => name);
  if (never.length > 0) say(`never hit: ${never.join(", ")}`);
}

async function main(): Promise<void> {
  await using folder = await workFolder();
  const undisturbed = new Map<JobName, RoundJob>();
  for (const name of new Set(rounds.map(({ job }) => job)))
    undisturbed.set(name, await roundJob(name, join(folder.path)));
  const results: RoundResult[] = [];
  for (const round of rounds) {
    const result = await run(round, undisturbed.get(round.job) as RoundJob);
    if (result !== undefined) results.push(result);
  }
  summary(results);
  if (results.length < rounds.length) process.exitCode = 1;
}

process.once("SIGINT", () => void endAll().then(() => process.exit(130)));
try {
  await main();
} finally {
  await endAll();
}
