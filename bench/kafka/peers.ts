/**
 * How each peer is started. What it reads and writes is in its environment: BROKERS IN OUT JOB (j1, j2) GUARANTEE
 * (exactly-once, at-least-once) COMMIT_MS FOLDER, and LATEST=1 to begin behind what is there. It prints "FIRST <milliseconds>"
 * when it decodes its first record, and runs until SIGTERM.
 *
 * kafkajs is a dependency of Millrace. Kafka Streams and Flink are built by Maven at their first use, into the user's cache.
 */

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export const peers = ["ours", "kafkajs", "platformatic", "streams", "flink"] as const;
export type Peer = (typeof peers)[number];
/** @platformatic/kafka is a client, and runs no jobs here. */
export const jobPeers: readonly Peer[] = ["ours", "kafkajs", "streams", "flink"];

const node = (script: string): string[] => [process.execPath, join(import.meta.dirname, script)];
/** What Java 17 closes and both engines reach into. */
const opened = ["lang", "util", "time"].map((name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`);

export function commandOf(peer: Peer): readonly string[] {
  switch (peer) {
    case "ours":
      return node("ours.ts");
    case "kafkajs":
      return node("kafkajs-job.ts");
    case "platformatic":
      throw new Error(`${peer} runs no jobs`);
    case "streams":
      return java("StreamsJob");
    case "flink":
      return java("FlinkJob");
  }
}

function java(program: string): string[] {
  const built = javaPeers();
  const path = [join(built, "target/classes"), join(built, "target/lib/*")].join(":");
  return ["java", "-Xmx2g", ...opened, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", path, program];
}

/** The folder in which the programs in Java are built. */
function javaPeers(): string {
  const caches = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "millrace");
  const folder = join(caches, "kafka-peers-1"); // to be raised when the programs change
  if (existsSync(folder)) return folder;
  mkdirSync(caches, { recursive: true });
  const building = mkdtempSync(`${folder}-`);
  cpSync(join(import.meta.dirname, "java"), building, { recursive: true });
  const plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";
  const goals = ["compile", plugin, "-DincludeScope=runtime", "-DoutputDirectory=target/lib"];
  const run = spawnSync("mvn", ["-q", "-B", ...goals], { cwd: building, encoding: "utf8" });
  if (run.status !== 0) throw new Error(`Maven could not build the peers in Java:\n${run.stdout}${run.stderr}`);
  renameSync(building, folder);
  return folder;
}
