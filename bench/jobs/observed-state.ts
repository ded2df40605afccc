/**
 * A job with so many keys of state, of which, when all of them are there, a fifth changes again and again. Its slot notes what the checkpoints take of its thread, and writes that down when it is closed.
 *
 * What is measured lies in the engine: the benchmark puts itself around it, in the slot's thread, where this module is
 * imported before anything runs.
 */

import { writeFileSync } from "node:fs";
import { PerformanceObserver } from "node:perf_hooks";
import { defineJob } from "millrace";
import { Chain } from "../../runtime/task/chain.ts";
import { SlotCheckpoints } from "../../runtime/task/slot-checkpoints.ts";
import type { OperatorCapture } from "../../runtime/task/subtask-cut.ts";
import { largeState, options } from "./large-state.ts";

const SAMPLE_EVERY = 4096;

export interface Sample {
  readonly atMs: number;
  readonly cpuMs: number;
  readonly records: number;
}

/** What one checkpoint took of the slot's thread. */
export interface CheckpointCost {
  readonly checkpoint: number;
  /** When its first capture began, by the clock of samples. */
  readonly atMs: number;
  /** At the barrier. */
  cutMs: number;
  /** Of each stretch of work at its captures, the longest: by the clock, and in CPU time of the thread. */
  stepMs: number;
  stepCpuMs: number;
  cpuMs: number;
  steps: number;
  bytes: number;
}

export interface ObservedState {
  /** Epoch milliseconds of the first record. */
  readonly firstRecordMs: number;
  readonly samples: readonly Sample[];
  readonly checkpoints: readonly CheckpointCost[];
  /** When, by the same clock as samples, and how long. */
  readonly collections: readonly (readonly [atMs: number, ms: number])[];
}

const checkpoints: CheckpointCost[] = [];
const collections: (readonly [number, number])[] = [];
const samples: Sample[] = [];
let firstRecordMs = 0;

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function costOf(checkpoint: number): CheckpointCost {
  const known = checkpoints.find((each) => each.checkpoint === checkpoint);
  if (known !== undefined) return known;
  const cost = { checkpoint, atMs: performance.now(), cutMs: 0, stepMs: 0, stepCpuMs: 0, cpuMs: 0, steps: 0, bytes: 0 };
  checkpoints.push(cost);
  return cost;
}

/** Whose capture the slot has just worked at. */
let worked: CheckpointCost | undefined;

/** Tells of what its steps are a part, and how many bytes they give. */
function noted(capture: OperatorCapture["capture"], cost: CheckpointCost): void {
  const step = capture.step.bind(capture);
  capture.step = () => {
    const block = step();
    worked = cost;
    cost.bytes += block?.length ?? 0;
    return block;
  };
}

/** What a slot does for its captures before others go on: steps, and sending what they gave. */
function timed(work: () => boolean): () => boolean {
  return function (this: SlotCheckpoints): boolean {
    const [at, cpuAt] = [performance.now(), cpuMs()];
    worked = undefined;
    const more = work.call(this);
    const cost = worked as CheckpointCost | undefined; // what was called has set it
    if (cost === undefined) return more;
    const [ms, cpu] = [performance.now() - at, cpuMs() - cpuAt];
    cost.stepMs = Math.max(cost.stepMs, ms);
    cost.stepCpuMs = Math.max(cost.stepCpuMs, cpu);
    cost.cpuMs += cpu;
    cost.steps++;
    return more;
  };
}

function observe(): void {
  const { cut, work } = SlotCheckpoints.prototype;
  SlotCheckpoints.prototype.work = timed(work);
  SlotCheckpoints.prototype.cut = function (subtask, snapshot, captures, checkpoint): void {
    for (const { capture } of captures) noted(capture, costOf(checkpoint));
    cut.call(this, subtask, snapshot, captures, checkpoint);
  };
  const { cut: cutChain } = Chain.prototype;
  Chain.prototype.cut = function (checkpoint, full, finished): ReturnType<typeof cutChain> {
    const at = performance.now();
    const cuts = cutChain.call(this, checkpoint, full, finished);
    costOf(checkpoint).cutMs = Math.max(costOf(checkpoint).cutMs, performance.now() - at);
    return cuts;
  };
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) collections.push([startTime, duration]);
  }).observe({ entryTypes: ["gc"] });
}

observe();

const job = defineJob(
  import.meta,
  "observed-state",
  (env, { keys, report }) => {
    let records = 0;
    largeState(env, keys, {
      record() {
        if (records === 0) firstRecordMs = Date.now();
        if (records++ % SAMPLE_EVERY === 0) samples.push({ atMs: performance.now(), cpuMs: cpuMs(), records });
      },
      close() {
        const all: ObservedState = { firstRecordMs, samples, checkpoints, collections };
        writeFileSync(report, JSON.stringify(all));
      },
    });
  },
  { ...options, params: { keys: 1_000_000, report: "" } },
);

export default job;
