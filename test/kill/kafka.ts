/**
 * Kills what writes to Kafka exactly once, and Kafka itself, with -9, and has the Java consumer say what is there.
 *
 *   npm run test:kafka:kill -- [--rounds 20] [--from 1] [--seed N] [--round R] [--points 1] [--random 0] [--brokers] [--keep DIR]
 *
 * On a cluster of three brokers, of which transactions may be open for 5 s. Of ten rounds, in six processes of the job die at
 * the steps of checkpoints and of the sink's protocol and at random; in three brokers die one after the other, each while
 * the job writes; in one all of them are away for 20 s. Ends with 1 when a record was lost or came twice.
 *
 * `--brokers` leaves out the rounds in which no broker dies, `--from` those before it. Of a round that fails `--keep` keeps
 * what its processes said, the job's checkpoints, the brokers' logs, and what these hold, batch by batch (`kafka-log.ts`).
 */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { bundleJob } from "../../runtime/bundle/bundle-job.ts";
import { SeededRandom } from "../../runtime/testing/seeded-random.ts";
import { endAll, workFolder } from "../integration/cluster/process.ts";
import { KafkaCluster } from "../kafka-broker/kafka-cluster.ts";
import { type KafkaRound, kafkaRound } from "./kafka-round.ts";
import { keepFolder } from "./keep.ts";
import { type Round, roundsOf, type Strike, textOf } from "./plan.ts";
import { kafkaPoints, points } from "./points.ts";
import { type RoundResult, runRound } from "./run-round.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    round: { type: "string" },
    points: { type: "string", default: "1" },
    random: { type: "string", default: "0" },
    brokers: { type: "boolean", default: false },
    from: { type: "string", default: "1" },
    keep: { type: "string" },
  },
});
const seed = Number(values.seed);
const TRANSACTION_MS = 5000;
const OUTAGE_MS = 20_000;
const NODES = [1, 2, 3] as const;
const COUNT = 8000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** The sink's own steps, and those of a checkpoint between its being prepared and committed, and of a restart. */
const between =
  /^(sink\.|slot\.(cut|captured|snapshotted|restored|deployed|end-committed)|worker\.(acknowledged|checkpoint-ended)|coordinator\.(acknowledged|all-acknowledged|manifest|completion|attempt-stored|deployed|job-over))/;
const steps = [...kafkaPoints, ...kafkaPoints, ...points.filter(({ name }) => between.test(name))];

const processRounds = roundsOf({
  ...{ seed, jobs: ["kafka"], rounds: Math.max(Number(values.rounds), Number(values.round ?? 0)) },
  ...{ pointsARound: Number(values.points), randomARound: Number(values.random), points: steps },
});

const rounds = processRounds
  .map((round) => disturbed(round, new SeededRandom(seed + round.number)))
  .filter(({ strikes }) => !values.brokers || strikes.some(({ kind }) => kind === "outage"))
  .filter(({ number }) => number >= Number(values.from))
  .filter(({ number }) => values.round === undefined || number === Number(values.round));

function disturbed(round: Round, random: SeededRandom): Round {
  const turn = (round.number - 1) % 10;
  if (turn < 6) return round;
  const byProcess: Strike = { kind: "random", process: "worker", which: 0, afterMs: Math.floor(random.next() * 600) };
  const all: Strike = { kind: "outage", of: NODES, forMs: OUTAGE_MS };
  if (turn === 9) return { ...round, strikes: [all, byProcess], ending: undefined };
  const first = Math.floor(random.next() * 3);
  const rolling = NODES.map((_, at): Strike => {
    return { kind: "outage", of: [((first + at) % 3) + 1], forMs: 200 + Math.floor(random.next() * 3000) };
  });
  return { ...round, strikes: rolling, ending: undefined };
}

async function main(): Promise<void> {
  await using kafka = await KafkaCluster.start({ nodes: 3, heapMegabytes: 256 });
  const bundle = await bundleJob(join(import.meta.dirname, "jobs/kafka.ts"));
  const outage = async (of: readonly number[], forMs: number): Promise<void> => {
    await Promise.all(of.map((id) => kafka.kill(id)));
    await sleep(forMs);
    await Promise.all(of.map((id) => kafka.restart(id)));
  };
  const results: RoundResult[] = [];
  for (const round of rounds) {
    await using folder = await workFolder();
    const from = performance.now();
    let job: KafkaRound | undefined;
    try {
      const options = {
        brokers: kafka.brokers,
        bundle,
        count: COUNT,
        transactionMs: TRANSACTION_MS,
        replicas: 3,
        outage,
      };
      job = await kafkaRound(options);
      const result = await runRound(folder.path, round, job);
      results.push(result);
      const seconds = ((performance.now() - from) / 1000).toFixed(1);
      say(`round ${round.number}: ${result.kills.join(", ")}; ${result.attempts} attempts, ${seconds} s`);
    } catch (error) {
      say(`round ${round.number} FAILED: ${(error as Error).message}`);
      if (values.keep !== undefined)
        await keep(join(values.keep, `${seed}-${round.number}`), job, folder.path, kafka).catch((failure: unknown) =>
          say(`  not kept: ${(failure as Error).message}`),
        );
      say(`  planned: ${round.strikes.map(textOf).join(", ")}`);
      say(
        `  again:   npm run test:kafka:kill -- --seed ${seed} --points ${values.points} --random ${values.random} --round ${round.number}`,
      );
    }
  }
  summary(results);
}

/** What is needed to find out why. */
async function keep(into: string, job: KafkaRound | undefined, folder: string, kafka: KafkaCluster): Promise<void> {
  await mkdir(into, { recursive: true });
  await writeFile(join(into, "topics.log"), (await job?.logs()) ?? "");
  await keepFolder(folder, join(into, "job"));
  await keepFolder(kafka.folder, join(into, "kafka"));
  say(`  kept:    ${into}`);
}

function summary(results: readonly RoundResult[]): void {
  const kills = Map.groupBy(
    results.flatMap((result) => result.kills),
    (name) => name,
  );
  const counted = [...kills].map(([name, all]) => `${name} ${all.length}`).sort();
  say(`\n${results.length} of ${rounds.length} rounds: each record once, seed ${seed}`);
  say(`kills: ${counted.join(", ")}`);
  if (results.length < rounds.length) process.exitCode = 1;
}

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void endAll().then(() => process.exit(130)));
try {
  await main();
} finally {
  await endAll();
}
