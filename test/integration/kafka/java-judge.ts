/** Runs `Judge.java`, the Java client, which writes what we read and reads what we wrote. */

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findJava, kafkaJars, whyNoKafkaHere } from "../../kafka-broker/kafka-home.ts";
import { brokers } from "./on-kafka.ts";

/** Whether there is a Java client. A test without it is skipped, but not where Kafka is required. */
export const hasJudge = whyNoKafkaHere() === undefined || Boolean(process.env["MILLRACE_KAFKA_REQUIRED"]);

const run = promisify(execFile);

let compiled: Promise<string> | undefined;

async function compile(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-judge-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const source = join(import.meta.dirname, "../../kafka-broker/java/Judge.java");
  await run(findJava()?.compiler ?? "javac", ["-cp", join(kafkaJars(), "*"), "-d", folder, source]);
  return folder;
}

async function judge(args: readonly string[]): Promise<string> {
  compiled ??= compile();
  const path = [await compiled, join(kafkaJars(), "*")].join(process.platform === "win32" ? ";" : ":");
  const quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xmx256m"];
  const { stdout } = await run(
    findJava()?.command ?? "java",
    [...quick, "-cp", path, "Judge", brokers.join(), ...args],
    {
      maxBuffer: 256 * 1024 * 1024,
      timeout: 120_000,
    },
  );
  return stdout;
}

/** Has the Java producer write `count` records of the form that `javaRecord` knows into partition 0. */
export async function javaProduces(topic: string, compression: string, count: number): Promise<void> {
  await judge(["produce", topic, compression, String(count)]);
}

/** Has Java producers write and end transactions: "1w 2w 2a 1c". */
export async function javaTransacts(topic: string, steps: string): Promise<void> {
  await judge(["transact", topic, ...steps.split(" ")]);
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

/** What the Java consumer reads of a topic, in the order of partitions and offsets. */
export async function javaConsumes(
  topic: string,
  isolation: "read_committed" | "read_uncommitted",
): Promise<readonly JudgedRecord[]> {
  const lines = (await judge(["consume", topic, isolation])).split("\n").filter((line) => line !== "");
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

const hex = (text: string): string => Buffer.from(text).toString("hex");

/** Record `index` of `javaProduces`, as the consumer shows it. */
export function javaRecord(index: number): JudgedRecord {
  return {
    partition: 0,
    offset: index,
    timestamp: 1_700_000_000_000 + index * 37 - (index % 11) * 3_000_000,
    key: index % 3 === 0 ? null : hex(`key-${index}`),
    value: index % 5 === 0 ? null : hex("wört ✓ 𝄞 ".repeat(index % 40)),
    headers:
      index % 4 === 0
        ? [
            ["trace", hex(`t${index}`)],
            ["nichts", null],
            ["ü", "00ff"],
          ]
        : [],
  };
}
