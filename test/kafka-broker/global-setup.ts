/**
 * One broker for all tests of the project "kafka": that of KAFKA_BROKERS if it is set, else one in Docker, else one from
 * jars. Tests that kill or secure brokers, or have the Java client judge, need the jars whatever broker there is. What is
 * missing is said, and the tests that need it are skipped, except where MILLRACE_KAFKA_REQUIRED is set, as in CI: there it
 * is a failure.
 */

import type { TestProject } from "vitest/node";
import { dockerAnswers, type RunningKafka, startInDocker } from "./docker-kafka.ts";
import { KafkaCluster } from "./kafka-cluster.ts";
import { whyNoKafkaHere } from "./kafka-home.ts";

/** What tests get by `inject("kafka")`: where the broker is, or why there is none. */
export interface KafkaForTests {
  readonly brokers: readonly string[];
  readonly missing: string | undefined;
  /** Why there are no jars to start other brokers and the Java client from. */
  readonly noJars: string | undefined;
}

declare module "vitest" {
  interface ProvidedContext {
    kafka: KafkaForTests;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const noJars = whyNoKafkaHere();
  if (noJars !== undefined) miss(`The tests that start brokers of their own or the Java client cannot run: ${noJars}.`);
  const kafka = await startKafka(noJars);
  if (typeof kafka !== "string") {
    project.provide("kafka", { brokers: kafka.brokers, missing: undefined, noJars });
    return () => kafka.stop();
  }
  miss(`The tests on a real Kafka cannot run: KAFKA_BROKERS is not set, no Docker answers, and ${kafka}.`);
  project.provide("kafka", { brokers: [], missing: kafka, noJars });
  return async () => {};
}

function miss(message: string): void {
  if (process.env["MILLRACE_KAFKA_REQUIRED"]) throw new Error(message);
  process.stderr.write(`\n*** ${message}\n*** THEY ARE SKIPPED.\n\n`);
}

/** A broker, or the reason why there is none. */
async function startKafka(noJars: string | undefined): Promise<RunningKafka | string> {
  const given = process.env["KAFKA_BROKERS"];
  if (given) return { brokers: given.split(","), stop: async () => {} };
  if (await dockerAnswers()) return startInDocker();
  return noJars ?? KafkaCluster.start();
}
