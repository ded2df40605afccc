/**
 * How each peer is started. What it reads and writes is in its environment: BROKERS IN OUT JOB (j1, j2) GUARANTEE
 * (exactly-once, at-least-once) COMMIT_MS FOLDER, and LATEST=1 to begin behind what is there. It prints "FIRST <milliseconds>"
 * when it decodes its first record, and runs until SIGTERM.
 *
 * Ours is the package as it is published. kafkajs is a dependency of Millrace. Kafka Streams and Flink are built by Maven at their
 * first use, into the user's cache.
 */

import { join } from "node:path";
import { builtJava } from "../built-java.ts";
import { onBuiltPackage } from "../built-package.ts";

export const peers = ["ours", "kafkajs", "platformatic", "streams", "flink"] as const;
export type Peer = (typeof peers)[number];
/** @platformatic/kafka is a client, and runs no jobs here. */
export const jobPeers: readonly Peer[] = ["ours", "kafkajs", "streams", "flink"];

/** What Java 17 closes and both engines reach into. */
const opened = ["lang", "util", "time"].map((name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`);

export function commandOf(peer: Peer): readonly string[] {
  switch (peer) {
    case "ours":
      // As `run` sets it, too late for a compile cache that is on from the start: kept code is for the flags it was made with.
      return [process.execPath, "--no-allocation-site-pretenuring", "--no-parallel-scavenge", ours()];
    case "kafkajs":
      return [process.execPath, join(import.meta.dirname, "kafkajs-job.ts")];
    case "platformatic":
      throw new Error(`${peer} runs no jobs`);
    case "streams":
      return java("StreamsJob");
    case "flink":
      return java("FlinkJob", "flink");
  }
}

function ours(): string {
  return onBuiltPackage("kafka/ours", "kafka/jobs", "kafka/bids", "jobs/bids");
}

function java(program: string, ...first: readonly string[]): string[] {
  const path = builtJava("kafka-peers", join(import.meta.dirname, "java"), first);
  return ["java", "-Xmx2g", ...opened, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", path, program];
}
