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
  /** The CPU time after which it is ended: on a busy machine the clock does not tell what a run takes. Absent: no limit. */
  readonly cpuS?: number;
}

/** `flink-java/src/main/java/nexmark/Main.java` says what the arguments are. */
export type FlinkArguments = Readonly<Record<string, string | number | boolean>>;

/**
 * Runs the harness to its end, and gives what it has printed. It ends with this process, whatever ends that.
 * @throws Error when it fails, lacks memory, or takes longer than it may, with the end of what it wrote about it.
 */
export function runFlink(args: FlinkArguments, { heap, timeoutS, cpuS }: FlinkOptions): string {
  const classPath = builtJava("nexmark-on-flink", join(import.meta.dirname, "flink-java"));
  const folder = mkdtempSync(join(tmpdir(), "nexmark-on-flink-"));
  try {
    const given = Object.entries({ ...args, folder }).map(([name, value]) => `${name}=${value}`);
    const jvm = [`-Xmx${heap}`, "-XX:+ExitOnOutOfMemoryError", ...opened];
    const java = [...jvm, "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", classPath, "nexmark.Main", ...given];
    const limited = `ulimit -t ${cpuS === undefined ? "unlimited" : Math.ceil(cpuS)}; exec java "$@"`;
    const child = spawnSync("sh", ["-c", limited, "sh", ...java], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: Math.ceil(timeoutS * 1000),
      killSignal: "SIGKILL",
    });
    if (child.status === 0) return child.stdout;
    const how = child.signal ?? `status ${child.status}`;
    throw new Error(`Flink ended with ${how} (${given.join(" ")})\n${child.stderr.trimEnd().slice(-2000)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
