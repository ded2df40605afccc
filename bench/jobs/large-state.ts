/**
 * A job with so many keys of state, of which, when all of them are there, a fifth changes again and again. Its slot notes what the checkpoints take of its thread, and writes that down when it is closed.
 *
 * What is measured lies in the engine: the benchmark puts itself around it, in the slot's thread, where this module is
 * imported before anything runs.
 */

import { writeFileSync } from "node:fs";
import { PerformanceObserver } from "node:perf_hooks";
import { defineJob, generate, type Sink, valueState } from "millrace";
import { Chain } from "../../runtime/task/chain.ts";
import { SlotCheckpoints } from "../../runtime/task/slot-checkpoints.ts";
import type { OperatorCapture } from "../../runtime/task/subtask-cut.ts";

/** One in so many keys changes once all of them are there. */
export const CHANGING = 5;
const SAMPLE_EVERY = 4096;

export interface Sample {
  readonly atMs: number;
  readonly cpuMs: number;
  readonly records: number;
}

/** What one checkpoint took of the slot's thread. */
export interface CheckpointCost {
  readonly checkpoint: number;
  /** At the barrier. */
  cutMs: number;
  /** Of each step of its captures, the longest: by the clock, and in CPU time of the thread. */
  stepMs: number;
  stepCpuMs: number;
  cpuMs: number;
  steps: number;
  bytes: number;
}

export interface LargeStateReport {
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
  const cost = { checkpoint, cutMs: 0, stepMs: 0, stepCpuMs: 0, cpuMs: 0, steps: 0, bytes: 0 };
  checkpoints.push(cost);
  return cost;
}

/** The steps of a capture, timed. */
function timed(capture: OperatorCapture["capture"], cost: CheckpointCost): OperatorCapture["capture"] {
  const step = capture.step.bind(capture);
  capture.step = () => {
    const [at, cpuAt] = [performance.now(), cpuMs()];
    const block = step();
    const [ms, cpu] = [performance.now() - at, cpuMs() - cpuAt];
    cost.stepMs = Math.max(cost.stepMs, ms);
    cost.stepCpuMs = Math.max(cost.stepCpuMs, cpu);
    cost.cpuMs += cpu;
    cost.steps++;
    cost.bytes += block?.length ?? 0;
    return block;
  };
  return capture;
}

function observe(): void {
  const { cut } = SlotCheckpoints.prototype;
  SlotCheckpoints.prototype.cut = function (subtask, snapshot, captures, checkpoint): void {
    for (const { capture } of captures) timed(capture, costOf(checkpoint));
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

function nothing(): Sink<unknown> {
  return { name: "nothing", writer: () => ({ write() {} }) };
}

/** xorshift: keys have to come in no order. */
function spread(index: number): number {
  let mixed = (index + 1) | 0;
  mixed ^= mixed << 13;
  mixed ^= mixed >>> 17;
  mixed ^= mixed << 5;
  return mixed >>> 0;
}

const job = defineJob(
  import.meta,
  "large-state",
  (env, { keys, report }) => {
    const changing = Math.ceil(keys / CHANGING);
    const keyOf = (index: number): number => (index < keys ? index : (spread(index) % changing) * CHANGING);
    let records = 0;
    env
      .from(generate({ record: (index) => ({ key: keyOf(index) * 7 + 1, amount: index % 10 }) }), { name: "changes" })
      .keyBy("key")
      .process("state", {
        state: { totals: valueState<{ count: number; sum: number; name: string }>() },
        process({ key, amount }, { state }): void {
          const was = state.totals.get();
          const name = was?.name ?? `name ${key % 100}`;
          state.totals.set({ count: (was?.count ?? 0) + 1, sum: (was?.sum ?? 0) + amount, name });
          if (records === 0) firstRecordMs = Date.now();
          if (records++ % SAMPLE_EVERY === 0) samples.push({ atMs: performance.now(), cpuMs: cpuMs(), records });
        },
        close(): void {
          if (report === "") return;
          const all: LargeStateReport = { firstRecordMs, samples, checkpoints, collections };
          writeFileSync(report, JSON.stringify(all));
        },
      })
      .to(nothing());
  },
  {
    params: { keys: 1_000_000, report: "" },
    parallelism: 1,
    checkpoints: { interval: "1s" },
    restart: { kind: "fixedDelay", attempts: 100, delay: "0s" },
  },
);

export default job;
