/** Nexmark on Apache Flink: the programs of `flink-java`, each run in a JVM of its own. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtJava } from "../built-java.ts";

/** What Java 17 closes and Flink reaches into. */
const opened = [
  ...["io", "lang", "lang.invoke", "lang.reflect", "math", "net", "nio", "text", "time"],
  ...["util", "util.concurrent", "util.concurrent.atomic", "util.concurrent.locks"],
].map((name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`);

export interface FlinkOptions {
  /** The JVM's largest heap, as -Xmx has it. */
  readonly heap: string;
  readonly timeoutS: number;
}

/** `flink-java/src/main/java/nexmark/Main.java` says what the arguments are. */
export type FlinkArguments = Readonly<Record<string, string | number | boolean>>;

/**
 * Runs the harness to its end, and gives what it has printed.
 * @throws Error when it fails or takes longer than `timeoutS`, with the end of what it wrote about it.
 */
export function runFlink(args: FlinkArguments, { heap, timeoutS }: FlinkOptions): string {
  const classPath = builtJava("nexmark-on-flink", join(import.meta.dirname, "flink-java"));
  const folder = mkdtempSync(join(tmpdir(), "nexmark-on-flink-"));
  try {
    const given = Object.entries({ ...args, folder }).map(([name, value]) => `${name}=${value}`);
    const jvm = [`-Xmx${heap}`, ...opened, "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", classPath];
    const child = spawnSync("java", [...jvm, "nexmark.Main", ...given], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutS * 1000,
      killSignal: "SIGKILL",
    });
    if (child.status === 0) return child.stdout;
    const how = child.signal ?? `status ${child.status}`;
    throw new Error(`Flink ended with ${how} (${given.join(" ")})\n${child.stderr.trimEnd().slice(-2000)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
