/**
 * One broker for all tests of the project "kafka": that of KAFKA_BROKERS if it is set, else one in Docker, else one from
 * jars. Where there is none, the tests say so and are skipped, except where MILLRACE_KAFKA_REQUIRED is set, as in CI:
 * there it is a failure.
 */

import type { TestProject } from "vitest/node";
import { dockerAnswers, type RunningKafka, startInDocker } from "./docker-kafka.ts";
import { KafkaCluster } from "./kafka-cluster.ts";
import { whyNoKafkaHere } from "./kafka-home.ts";

/** What tests get by `inject("kafka")`: where the broker is, or why there is none. */
export interface KafkaForTests {
  readonly brokers: readonly string[];
  readonly missing: string | undefined;
}

declare module "vitest" {
  interface ProvidedContext {
    kafka: KafkaForTests;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const kafka = await startKafka();
  if (typeof kafka !== "string") {
    project.provide("kafka", { brokers: kafka.brokers, missing: undefined });
    return () => kafka.stop();
  }
  const message = `The tests on a real Kafka cannot run: KAFKA_BROKERS is not set, no Docker answers, and ${kafka}.`;
  if (process.env["MILLRACE_KAFKA_REQUIRED"]) throw new Error(message);
  process.stderr.write(`\n*** ${message}\n*** THEY ARE SKIPPED.\n\n`);
  project.provide("kafka", { brokers: [], missing: kafka });
  return async () => {};
}

/** A broker, or the reason why there is none. */
async function startKafka(): Promise<RunningKafka | string> {
  const given = process.env["KAFKA_BROKERS"];
  if (given) return { brokers: given.split(","), stop: async () => {} };
  if (await dockerAnswers()) return startInDocker();
  return whyNoKafkaHere() ?? KafkaCluster.start();
}
