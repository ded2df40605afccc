/**
 * What checkpoints cost a job that runs, and how long it takes to go on from them.
 *
 *   node bench/checkpoints.ts [--keys 1000000] [--repeats 3] [--seconds 5] [--json]
 *
 *  1. The longest step of its captures, which is the longest pause that a slot makes for them; deltas and everything.
 *  2. Throughput with a checkpoint every second against that without, in turns.
 *  3. The bytes of a delta beside those of everything.
 *  4. Recovery: in a new process, and on a cluster after kill -9 of the worker, where the time until it is noticed counts by
 *     itself; with all keys, and with a thousand.
 *
 * Steps are timed by the clock, which counts what other processes of the machine took, and in CPU time of the slot's
 * thread, which does not. Collections of garbage are by themselves, with and without checkpoints.
 */

import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Recovery, recoveryOnCluster } from "./cluster-recovery.ts";
import type { CheckpointCost, ObservedState, Sample } from "./jobs/observed-state.ts";

const { values } = parseArgs({
  options: {
    keys: { type: "string", default: "1000000" },
    repeats: { type: "string", default: "3" },
    seconds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
const keys = Number(values.keys);
const seconds = Number(values.seconds);
const repeats = Number(values.repeats);
const script = fileURLToPath(new URL("./checkpoints-case.ts", import.meta.url));

interface CaseRun extends ObservedState {
  readonly startedMs: number;
  /** The newest checkpoint when all keys were there. */
  readonly filledAt: number;
}

interface Speed {
  readonly perSecond: number;
  /** Of the slot's thread, in CPU time, without the steps of captures. */
  readonly recordNs: number;
  readonly collectionMsMax: number;
}

function runCase(folder: string, directory?: string): CaseRun {
  const args = [script, String(keys), String(seconds), join(folder, "report.json")];
  const child = spawnSync(process.execPath, directory === undefined ? args : [...args, directory], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.status !== 0) throw new Error(`a run failed with status ${child.status}`);
  return JSON.parse(child.stdout) as CaseRun;
}

/** While the last seconds of a run. */
function speedOf(run: CaseRun): Speed {
  const { samples, collections } = run;
  const last = samples.at(-1) as Sample;
  const first = samples.find(({ atMs }) => atMs > last.atMs - seconds * 1000) as Sample;
  const records = last.records - first.records;
  const captured = run.checkpoints.filter(({ atMs }) => atMs >= first.atMs).reduce((sum, { cpuMs }) => sum + cpuMs, 0);
  const pauses = collections.filter(([atMs]) => atMs >= first.atMs).map(([, ms]) => ms);
  return {
    perSecond: (records / (last.atMs - first.atMs)) * 1000,
    recordNs: ((last.cpuMs - first.cpuMs - captured) / records) * 1e6,
    collectionMsMax: Math.max(0, ...pauses),
  };
}

/** What was begun when all keys were in a checkpoint; the last one may not have come to its end. */
function deltasOf({ checkpoints, filledAt }: CaseRun): readonly CheckpointCost[] {
  return checkpoints.filter(({ checkpoint }) => checkpoint > filledAt + 2).slice(0, -1);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

const max = (numbers: readonly number[]): number => Math.max(...numbers);

interface Figures {
  readonly without: readonly CaseRun[];
  readonly beside: readonly CaseRun[];
  readonly recovered: readonly CaseRun[];
  readonly large: readonly Recovery[];
  readonly small: readonly Recovery[];
}

async function measure(): Promise<Figures> {
  const figures = { without: [], beside: [], recovered: [], large: [], small: [] } as {
    [Name in keyof Figures]: Figures[Name][number][];
  };
  for (let repeat = 0; repeat < repeats; repeat++) {
    const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
    const directory = join(folder, "checkpoints");
    figures.without.push(runCase(folder));
    figures.beside.push(runCase(folder, directory));
    figures.recovered.push(runCase(folder, directory));
    await rm(folder, { recursive: true });
  }
  figures.large.push(await recoveryOnCluster(keys));
  for (let repeat = 0; repeat < repeats; repeat++) figures.small.push(await recoveryOnCluster(1000));
  return figures;
}

function summary({ without, beside, recovered, large, small }: Figures): Record<string, number> {
  const [alone, checkpointed] = [without.map(speedOf), beside.map(speedOf)];
  const deltas = beside.flatMap(deltasOf);
  // The first of a run that goes on takes everything.
  const everything = recovered.flatMap(({ checkpoints }) => checkpoints[0] ?? []);
  const ratio = (of: (speed: Speed) => number): number => median(checkpointed.map(of)) / median(alone.map(of));
  const deltaCpuMs = median(deltas.map(({ cpuMs }) => cpuMs));
  const recordRatio = ratio(({ recordNs }) => recordNs);
  return {
    delta_step_ms_max: max(deltas.map(({ stepMs }) => stepMs)),
    delta_step_cpu_ms_max: max(deltas.map(({ stepCpuMs }) => stepCpuMs)),
    everything_step_ms_max: max(everything.map(({ stepMs }) => stepMs)),
    everything_step_cpu_ms_max: max(everything.map(({ stepCpuMs }) => stepCpuMs)),
    barrier_ms_max: max([...deltas, ...everything].map(({ cutMs }) => cutMs)),
    delta_cpu_ms: deltaCpuMs,
    collection_ms_max_without: max(alone.map(({ collectionMsMax }) => collectionMsMax)),
    collection_ms_max_beside: max(checkpointed.map(({ collectionMsMax }) => collectionMsMax)),
    per_second_without: median(alone.map(({ perSecond }) => perSecond)),
    per_second_beside: median(checkpointed.map(({ perSecond }) => perSecond)),
    throughput_ratio: ratio(({ perSecond }) => perSecond),
    // Of a thread that has a core to itself: one delta a second, and records that cost what they cost beside captures.
    record_cpu_ratio: recordRatio,
    throughput_ratio_by_cpu: (1 - deltaCpuMs / 1000) / recordRatio,
    delta_bytes: median(deltas.map(({ bytes }) => bytes)),
    everything_bytes: median(everything.map(({ bytes }) => bytes)),
    new_process_to_first_record_ms: median(recovered.map(({ startedMs, firstRecordMs }) => firstRecordMs - startedMs)),
    large_noticed_ms: median(large.map(({ noticedMs }) => noticedMs)),
    large_recovered_ms: median(large.map(({ recoveredMs }) => recoveredMs)),
    small_noticed_ms: median(small.map(({ noticedMs }) => noticedMs)),
    small_recovered_ms: median(small.map(({ recoveredMs }) => recoveredMs)),
  };
}

const found = summary(await measure());
if (values.json) process.stdout.write(`${JSON.stringify({ keys, repeats, node: process.version, ...found })}\n`);
else
  for (const [name, value] of Object.entries(found))
    process.stdout.write(`${name.padEnd(34)} ${value.toFixed(value < 100 ? 2 : 0)}\n`);
