/**
 * A whole job, driven by hand in the calling thread: a test pushes records into its sources, moves its time, looks at what has
 * come to its sinks, and takes snapshots, from which the job goes on in another harness, perhaps at another parallelism.
 *
 * The slots, channels, codec, state and checkpoints are those of production. Sources and sinks are replaced, so that nothing
 * outside is touched. Every step ends when nothing can happen any more without further input or time.
 */

import { assert } from "../../core/assert.ts";
import type { Job, Params } from "../../core/job.ts";
import type { Key } from "../../core/key.ts";
import type { Timer, TimerDomain } from "../../core/operator.ts";
import type { StateDescriptor, StateHandle } from "../../core/state.ts";
import { type Duration, durationMs, NO_TIMESTAMP } from "../../core/time.ts";
import { type Plan, planJob } from "../graph/plan.ts";
import { checkpointsToTry } from "../state/checkpoint-reader.ts";
import { checkpointNumber } from "../state/checkpoint-store.ts";
import { MemoryStore } from "../state/memory-store.ts";
import { CheckpointedAttempt } from "./checkpointed-attempt.ts";
import { deployments, sourcesOf } from "./checkpointed-run.ts";
import { type DrivenProgram, drivenProgram, namedIn } from "./driven-program.ts";
import { InThreadSlot } from "./in-thread-slot.ts";
import { JobOperators } from "./job-operators.ts";
import { OutsideWorld } from "./outside-world.ts";
import { Scheduler } from "./scheduler.ts";
import { SeededRandom } from "./seeded-random.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface JobHarnessOptions {
  /** Default 1: with more, records of one source are spread, and each subtask has a watermark of its own. */
  readonly parallelism?: number;
  readonly params?: Params;
  /** A snapshot of another harness of the job to go on from. */
  readonly restore?: JobSnapshot;
  /** Decides who runs next where several could; default 1. */
  readonly seed?: number;
  /** When it is at the beginning, in epoch milliseconds. Default 0, or the time of the snapshot. */
  readonly startAt?: number;
  /** Freezes records and state values and refuses records that could not travel, in chains too. Default true. */
  readonly freeze?: boolean;
}

/** How often sources are asked to let a checkpoint through, each of which takes one. */
const POKES_MAX = 100;

/** A complete checkpoint of a job. */
export interface JobSnapshot {
  readonly store: MemoryStore;
  readonly takenAt: number;
}

/**
 * Starts a job to be driven: `const clicks = await openJob(job); await clicks.push("clicks", { item: "a" });`.
 * @throws MillraceError when the program or the options are not valid.
 */
export async function openJob<P extends Params>(job: Job<P>, options: JobHarnessOptions = {}): Promise<JobHarness> {
  const harness = new JobHarness(job as unknown as Job, options);
  await harness.open();
  return harness;
}

export class JobHarness {
  readonly clock: VirtualClock;
  readonly #program: DrivenProgram;
  readonly #plan: Plan;
  readonly #options: JobHarnessOptions;
  readonly #store: MemoryStore;
  readonly #random: SeededRandom;
  readonly #scheduler: Scheduler;
  readonly #outside = new OutsideWorld();
  #attempt: CheckpointedAttempt | undefined;
  #slots: readonly InThreadSlot[] = [];
  #failure: unknown;

  constructor(job: Job, options: JobHarnessOptions) {
    const { parallelism = 1, params, restore, seed = 1, startAt = restore?.takenAt ?? 0 } = options;
    this.#options = options;
    this.clock = new VirtualClock(startAt);
    this.#program = drivenProgram(job);
    this.#plan = planJob(this.#program.job, { parallelism, ...(params === undefined ? {} : { params }) });
    this.#store = restore?.store.copy() ?? new MemoryStore();
    this.#random = new SeededRandom(seed);
    this.#scheduler = new Scheduler(this.#random, this.clock);
  }

  async open(): Promise<void> {
    const [restore] = await checkpointsToTry(this.#store);
    const sources = sourcesOf(this.#plan);
    const last = restore === undefined ? 0 : checkpointNumber(restore);
    this.#attempt = new CheckpointedAttempt({
      ...{ plan: this.#plan, sources, store: this.#store, last, crashAtCheckpoint: undefined },
      collect: () => {},
      log: () => {},
    });
    await this.#outside.enter(async () => {
      this.#slots = deployments(this.#program.job, this.#plan, this.#options, 1).map((deployment) => {
        const enumerates = deployment.slot === 0 ? sources : [];
        const restored = restore === undefined ? {} : { restore: { checkpoint: restore } };
        const started = { ...deployment, enumerates, ...restored };
        return new InThreadSlot(this.#program.job, started, this.#scheduler, this.#random, this.clock);
      });
      this.#attempt?.run(this.#slots).catch((error: unknown) => {
        this.#failure = error;
      });
    });
    await this.#settle();
  }

  /** Records of a source, by its operator's name, with a timestamp if the source stamps them. @throws what the job fails with */
  async push(source: string, value: unknown, timestamp = NO_TIMESTAMP): Promise<void> {
    await this.pushAll(source, [value], timestamp);
  }

  /** Several records, one after the other. @throws what the job fails with */
  async pushAll(source: string, values: Iterable<unknown>, timestamp = NO_TIMESTAMP): Promise<void> {
    const driven = namedIn(this.#program.sources, source, "source", this.#program.job.name);
    for (const value of values) driven.push(value, timestamp);
    await this.#settle();
  }

  /**
   * Event time goes on to here without a record, as far as a `withTimestamps` says, by its name ("timestamps" unless it has another): in all of its subtasks, or in one
   * of them, as where one of several partitions lags. It never goes back. @throws what the job fails with
   */
  async watermark(operator: string, timestamp: number, { subtask }: { readonly subtask?: number } = {}): Promise<void> {
    this.#operators.advance(operator, timestamp, subtask);
    await this.#settle();
  }

  /** Moves the clock on, through every moment at which something is due. @throws what the job fails with */
  async advanceTime(by: Duration): Promise<void> {
    await this.#settle(this.clock.now() + durationMs(by, "advanceTime"));
  }

  /** A source has given all that it has; without a name all of them, which ends the job. @throws what the job fails with */
  async end(source?: string): Promise<void> {
    const { sources, job } = this.#program;
    const ended = source === undefined ? [...sources.values()] : [namedIn(sources, source, "source", job.name)];
    for (const driven of ended) driven.end();
    await this.#settle();
  }

  /** All that has come to a sink, by its operator's name, in the order of coming. */
  rows<T = unknown>(sink: string): readonly T[] {
    return [...namedIn(this.#program.rows, sink, "sink", this.#program.job.name)] as T[];
  }

  /** What has come to a sink since the last call. */
  take<T = unknown>(sink: string): readonly T[] {
    return namedIn(this.#program.rows, sink, "sink", this.#program.job.name).splice(0) as T[];
  }

  /**
   * A state of an operator, by its name, as its function sees it under the key, in whichever subtask that is: to be read, or to be
   * set. REQUIRES, as of all that is looked at in operators: the job has not ended.
   */
  state<D extends StateDescriptor>(operator: string, key: Key, name: string, descriptor: D): StateHandle<D> {
    return this.#operators.state(operator, key, name, descriptor);
  }

  /** The keys that have a value in a state of an operator, in no particular order. */
  keys(operator: string, state: string): readonly Key[] {
    return this.#operators.keys(operator, state);
  }

  /** The timers that an operator has registered, in the order of their times. */
  timers(operator: string, domain: TimerDomain): readonly Timer[] {
    return this.#operators.timers(operator, domain);
  }

  /** The event time that an operator has come to; of several subtasks, the slowest. */
  watermarkAt(operator: string): number {
    return this.#operators.watermark(operator);
  }

  get #operators(): JobOperators {
    return new JobOperators(
      this.#program.job.name,
      this.#slots.flatMap(({ operators }) => operators),
    );
  }

  /** A checkpoint of all that was pushed. REQUIRES: some source has not ended. @throws what the job fails with */
  async snapshot(): Promise<JobSnapshot> {
    this.#attempt?.take();
    await this.#settle();
    for (let pokes = 0; this.#attempt?.underWay === true; pokes++) {
      assert(pokes < POKES_MAX, "the checkpoint does not come to its end");
      for (const source of this.#program.sources.values()) source.poke();
      await this.#settle();
    }
    return { store: this.#store.copy(), takenAt: this.clock.now() };
  }

  /** Drops the job as a crash would. */
  async close(): Promise<void> {
    await this.#attempt?.drop();
    this.#outside[Symbol.dispose]();
  }

  async #settle(until = this.clock.now()): Promise<void> {
    await this.#scheduler.settle(this.#outside, until);
    if (this.#failure !== undefined) throw this.#failure;
  }
}
