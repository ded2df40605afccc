/** Runs `java/Judge.java`, the Java client, which writes what we read and reads what we wrote. Knows no test runner. */

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findJava, kafkaJars } from "./kafka-home.ts";

const run = promisify(execFile);

let compiled: Promise<string> | undefined;

async function compile(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-judge-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const source = join(import.meta.dirname, "java/Judge.java");
  await run(findJava()?.compiler ?? "javac", [
    "-encoding",
    "UTF-8",
    "-cp",
    join(kafkaJars(), "*"),
    "-d",
    folder,
    source,
  ]);
  return folder;
}

/** What the judge prints. */
export async function judge(brokers: readonly string[], args: readonly string[]): Promise<string> {
  compiled ??= compile();
  const path = [await compiled, join(kafkaJars(), "*")].join(process.platform === "win32" ? ";" : ":");
  const quick = [
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Xmx256m",
    "-Dfile.encoding=UTF-8",
  ];
  const command = [...quick, "-cp", path, "Judge", brokers.join(), ...args];
  const { stdout } = await run(findJava()?.command ?? "java", command, {
    maxBuffer: 256 * 1024 * 1024,
    timeout: 120_000,
  });
  return stdout;
}

export interface JudgedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  /** In hexadecimal digits, as all bytes here. */
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string | null])[];
}

export type Isolation = "read_committed" | "read_uncommitted";

/** What the Java consumer reads of a topic, in the order of partitions and offsets. */
export async function judged(
  brokers: readonly string[],
  topic: string,
  isolation: Isolation,
): Promise<readonly JudgedRecord[]> {
  const lines = (await judge(brokers, ["consume", topic, isolation])).split("\n").filter((line) => line !== "");
  return lines.map(parse).sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

function parse(line: string): JudgedRecord {
  const [partition, offset, timestamp, _kind, key = "-", value = "-", ...headers] = line.split(" ");
  return {
    partition: Number(partition),
    offset: Number(offset),
    timestamp: Number(timestamp),
    key: key === "-" ? null : key,
    value: value === "-" ? null : value,
    headers: headers.map((header) => {
      const [name = "", content = "-"] = header.split("=");
      return [Buffer.from(name, "hex").toString(), content === "-" ? null : content] as const;
    }),
  };
}
