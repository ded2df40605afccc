/**
 * Every fault point of the Kafka sink kills its process once while a job writes exactly once, and the Java consumer of
 * committed records finds each record once. `npm run test:kafka:kill` does more of it, and kills brokers too.
 */

import { join } from "node:path";
import { expect, test } from "vitest";
import { bundleJob } from "../../../runtime/bundle/bundle-job.ts";
import { kafkaRound } from "../../kill/kafka-round.ts";
import { everyPointOnce, textOf } from "../../kill/plan.ts";
import { kafkaPoints } from "../../kill/points.ts";
import { runRound } from "../../kill/run-round.ts";
import { workFolder } from "../cluster/process.ts";
import { endsAllProcesses } from "../cluster/processes.ts";
import { brokers, describeOnKafka, hasJudge } from "./on-kafka.ts";

endsAllProcesses();

const rounds = everyPointOnce("kafka", 2, kafkaPoints);
const hit: string[] = [];

describeOnKafka("a job that writes to Kafka and whose processes kill themselves", () => {
  test.runIf(hasJudge).each(rounds.map((round) => ({ at: round.strikes.map(textOf).join(", "), round })))(
    "at $at: each record is there once",
    async ({ round }) => {
      await using folder = await workFolder();
      const bundle = await bundleJob(join(import.meta.dirname, "../../kill/jobs/kafka.ts"));
      const job = await kafkaRound({ brokers, bundle, count: 8000, transactionMs: 5000 });
      const { kills, missed } = await runRound(folder.path, round, job);
      expect(missed).toEqual([]);
      hit.push(...kills);
    },
    600_000,
  );

  test.runIf(hasJudge)("has met every fault point of the sink", () => {
    expect(kafkaPoints.map(({ name }) => name).filter((name) => !hit.includes(name))).toEqual([]);
  });
});
