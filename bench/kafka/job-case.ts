/**
 * One run of a job by one peer, in a process of its own. It is looked at from outside, the same for all: CPU and memory of the
 * process from /proc (Linux), progress by how far readers of committed records get in the output topic, and at the end the
 * whole output by count and checksum.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { KafkaClient } from "../../connectors/kafka/client/kafka-client.ts";
import type { Expected } from "./bids.ts";
import { committedEnds, newTopic } from "./broker.ts";
import { commandOf, type Peer } from "./peers.ts";
import { checked } from "./topics.ts";

export interface JobCase {
  readonly peer: Peer;
  readonly job: "j1" | "j2";
  readonly guarantee: "exactly-once" | "at-least-once";
  readonly brokers: string;
  readonly input: string;
  readonly messages: number;
  readonly expected: Expected;
}

export interface JobFigures {
  readonly events: number;
  /** From the first record that it decodes to the last that it commits. */
  readonly wall_s: number;
  readonly cpu_s: number;
  readonly cpu_s_per_million: number;
  /** Since it was started. */
  readonly cpu_s_per_million_with_start: number;
  readonly messages_per_s: number;
  readonly peak_rss_mb: number;
  readonly first_record_s: number;
  readonly first_output_s: number;
}

const LOOK_EVERY_MS = 40;
/** Longer than any peer commits apart. */
const QUIET_MS = 2500;
/** Without anything new in the output; peers take seconds to start. */
const STALLED_MS = 60_000;
const TICKS_A_SECOND = 100;
const COMMIT_MS = 1000;
/** What is deployed has been compiled before; for Java see `peers.ts`. */
const nodeEnvironment = {
  KAFKAJS_NO_PARTITIONER_WARNING: "1",
  NODE_COMPILE_CACHE: join(tmpdir(), "millrace-bench-compile-cache"),
};

interface Sample {
  readonly at: number;
  readonly cpuS: number;
}

export interface RunningPeer extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly startedAt: number;
  /** When it decoded its first record; undefined until then. */
  firstAt: number | undefined;
  readonly complaints: string[];
}

export function startPeer(peer: Peer, env: Readonly<Record<string, string>>): RunningPeer {
  const folder = mkdtempSync(join(tmpdir(), "millrace-bench-kafka-"));
  const [command = "", ...args] = commandOf(peer);
  const startedAt = Date.now();
  const child = spawn(command, args, {
    env: { ...process.env, ...nodeEnvironment, FOLDER: folder, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const running: RunningPeer = {
    ...{ child, startedAt, firstAt: undefined, complaints: [] },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) await ended(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [, at] = /^FIRST (\d+)/.exec(line) ?? [];
    if (at !== undefined) running.firstAt = Math.min(running.firstAt ?? Number.POSITIVE_INFINITY, Number(at));
  });
  createInterface({ input: child.stderr }).on("line", (line) => running.complaints.push(line));
  return running;
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await exit;
  clearTimeout(timer);
}

export async function runJob(what: JobCase): Promise<JobFigures> {
  await using client = new KafkaClient({ brokers: what.brokers });
  const output = await newTopic(what.brokers, `${what.job}-${what.peer}`);
  const { brokers: BROKERS, input: IN, job: JOB, guarantee: GUARANTEE } = what;
  await using peer = startPeer(what.peer, { BROKERS, IN, OUT: output, JOB, GUARANTEE, COMMIT_MS: String(COMMIT_MS) });
  const samples: Sample[] = [];
  const seen = { count: 0, changedAt: 0, firstAt: 0 };
  while (seen.count < what.expected.count || Date.now() - seen.changedAt < QUIET_MS) {
    const ends = await committedEnds(client, output);
    const count = ends.reduce((sum, end) => sum + end, 0);
    const sample = { at: Date.now(), cpuS: cpuSecondsOf(peer.child.pid) };
    samples.push(sample);
    if (count > seen.count) Object.assign(seen, { count, changedAt: sample.at, firstAt: seen.firstAt || sample.at });
    const stalled = sample.at - Math.max(peer.startedAt, seen.changedAt) > STALLED_MS;
    if (peer.child.exitCode !== null || stalled) throw failure(what, peer, seen.count);
    await sleep(LOOK_EVERY_MS);
  }
  const peakRssMb = peakMegabytesOf(peer.child.pid);
  await peer[Symbol.asyncDispose]();
  const found = await checked(client, output, what.job);
  if (found.count !== what.expected.count || found.sum !== what.expected.sum) throw failure(what, peer, found.count);
  return figuresOf(what, peer, samples, seen, peakRssMb);
}

function figuresOf(
  { messages }: JobCase,
  { startedAt, firstAt = startedAt }: RunningPeer,
  samples: readonly Sample[],
  seen: { readonly changedAt: number; readonly firstAt: number },
  peakRssMb: number,
): JobFigures {
  const cpuAt = (time: number): number => samples.find(({ at }) => at >= time)?.cpuS ?? 0;
  const end = cpuAt(seen.changedAt);
  const cpuS = end - cpuAt(firstAt);
  const wallS = (seen.changedAt - firstAt) / 1000;
  return {
    events: messages,
    wall_s: wallS,
    cpu_s: cpuS,
    cpu_s_per_million: (cpuS / messages) * 1e6,
    cpu_s_per_million_with_start: (end / messages) * 1e6,
    messages_per_s: messages / wallS,
    peak_rss_mb: peakRssMb,
    first_record_s: (firstAt - startedAt) / 1000,
    first_output_s: (seen.firstAt - startedAt) / 1000,
  };
}

function failure({ peer, job, guarantee, expected }: JobCase, { complaints }: RunningPeer, count: number): Error {
  const said = complaints.slice(-20).join("\n");
  return new Error(
    `${job} ${guarantee} by ${peer}: ${count} of ${expected.count} records, or with another sum\n${said}`,
  );
}

/** User and system time of a process and its threads. */
export function cpuSecondsOf(pid: number | undefined): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

export function peakMegabytesOf(pid: number | undefined): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}
