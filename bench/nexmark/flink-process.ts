/** Nexmark on Apache Flink: the programs of `flink-java`, each run in a JVM of its own. */

import { join } from "node:path";
import { builtJava } from "../built-java.ts";
import { runAlone } from "./own-process.ts";

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
export async function runFlink(args: FlinkArguments, { heap, timeoutS, cpuS }: FlinkOptions): Promise<string> {
  const classPath = builtJava("nexmark-on-flink", join(import.meta.dirname, "flink-java"));
  const given = Object.entries(args).map(([name, value]) => `${name}=${value}`);
  const jvm = [`-Xmx${heap}`, "-XX:+ExitOnOutOfMemoryError", ...opened];
  const java = [...jvm, "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", classPath, "nexmark.Main", ...given];
  const limited = `ulimit -t ${cpuS === undefined ? "unlimited" : Math.ceil(cpuS)}; exec java "$@"`;
  const { problem, stdout, stderr } = await runAlone({
    name: "nexmark-on-flink",
    command: "sh",
    argumentsFor: (folder) => ["-c", limited, "sh", ...java, `folder=${folder}`],
    timeoutS,
  });
  if (problem === undefined) return stdout;
  throw new Error(`Flink ended with ${problem} (${given.join(" ")})\n${stderr.trimEnd().slice(-2000)}`);
}
