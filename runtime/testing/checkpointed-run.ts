/**
 * A job in the calling thread that takes checkpoints, is dropped at given moments and goes on from the last complete
 * checkpoint, perhaps at another parallelism.
 */

import { AssertionFailure } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import type { OperatorId } from "../../core/ids.ts";
import type { Job } from "../../core/job.ts";
import { heldRows } from "../checkpoints/collected-rows.ts";
import type { KeptRows } from "../coordinator/kept-rows.ts";
import { createSharedMemory } from "../exchange/shared-memory.ts";
import { slotsOf } from "../graph/execution-graph.ts";
import { type Plan, planJob } from "../graph/plan.ts";
import type { SlotDeployment } from "../protocol.ts";
import { checkpointsToTry, openCheckpoint } from "../state/checkpoint-reader.ts";
import type { CheckpointName, CheckpointStore } from "../state/checkpoint-store.ts";
import { MemoryStore } from "../state/memory-store.ts";
import { CheckpointedAttempt } from "./checkpointed-attempt.ts";
import type { InThreadOptions } from "./in-thread.ts";
import { InThreadSlot } from "./in-thread-slot.ts";
import { Scheduler } from "./scheduler.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface InThreadCheckpoints {
  /**
   * A checkpoint begins so many steps of the scheduler after the last one has ended. Its end takes a few steps itself: with
   * less than ten, a job that waits for the time to pass may never see it pass.
   */
  readonly everySteps: number;
  /** Every so many-th checkpoint is given up at a random moment, unless it is complete by then. Default: none. */
  readonly giveUpEvery?: number;
  /** Checkpoints are unaligned, from so many steps after their begin on: 0 from the beginning. Absent: they are aligned. */
  readonly overtakeAfterSteps?: number;
}

/** How many steps of a checkpoint are waited for at the most before it is given up. */
const GIVE_UP_STEPS = 40;

export interface InThreadCrash {
  /** After so many steps of an attempt all of it is dropped. An attempt that ends earlier is not. */
  readonly afterSteps?: number;
  /** Or when it has completed so many checkpoints, before anybody hears of the last. */
  readonly atCheckpoint?: number;
  /** Or as soon as it says so: asked after each step. */
  readonly when?: () => boolean;
  /** Of the attempt that goes on; absent: as before. */
  readonly parallelism?: number;
}

interface RunningParts {
  readonly job: Job;
  readonly options: InThreadOptions;
  readonly random: SeededRandom;
  readonly clock: VirtualClock;
  /** Of `collectTo` sinks. */
  readonly rows: KeptRows;
}

export async function runWithCheckpoints(parts: RunningParts): Promise<void> {
  const store = new MemoryStore();
  const crashes = parts.options.crashes ?? [];
  let { parallelism } = parts.options;
  const plans: Plan[] = [];
  let last = 0;
  for (let attempt = 1; ; attempt++) {
    const plan = planJob(parts.job, {
      ...parts.options,
      ...(parallelism === undefined ? {} : { parallelism }),
      notInBatch: "checkpoints",
    });
    plans.push(plan);
    const [restore] = await checkpointsToTry(store);
    await keepRows(parts.rows, plans, store, restore);
    const crash = crashes[attempt - 1];
    const ended = await runAttempt(parts, { plan, store, attempt, last, restore, crash });
    last = ended.last;
    if (!ended.crashed) return;
    parallelism = crash?.parallelism ?? parallelism;
  }
}

/** Takes back the rows that will come again. `plans`: of each attempt so far. */
async function keepRows(
  rows: KeptRows,
  plans: readonly Plan[],
  store: CheckpointStore,
  restore: CheckpointName | undefined,
): Promise<void> {
  if (restore === undefined) return rows.clear();
  const { manifest } = await openCheckpoint(store, restore);
  for (const sink of rows.sinks) {
    const id = sink as OperatorId; // under which they were added
    const { attempt } = heldRows(manifest, id, () => 0) ?? {};
    const plan = attempt === undefined ? undefined : plans[attempt - 1];
    rows.keep(sink, plan && heldRows(manifest, id, slotsOf(plan.jobGraph, plan.executionGraph, id)));
  }
}

interface AttemptParts {
  readonly plan: Plan;
  readonly store: CheckpointStore;
  readonly attempt: number;
  readonly last: number;
  readonly restore: CheckpointName | undefined;
  readonly crash: InThreadCrash | undefined;
}

async function runAttempt(
  { job, options, random, clock, rows }: RunningParts,
  { plan, store, attempt, last, restore, crash }: AttemptParts,
): Promise<{ readonly crashed: boolean; readonly last: number }> {
  const scheduler = new Scheduler(random, clock);
  const sources = sourcesOf(plan);
  const running = new CheckpointedAttempt({
    ...{ plan, sources, store, last, crashAtCheckpoint: crash?.atCheckpoint },
    collect: (operator, slot, added) => rows.add(operator, added, { attempt, slot }),
    log: ({ level, message, fields }) => options.log?.(level, message, fields),
  });
  const everySteps = options.checkpoints?.everySteps ?? Number.POSITIVE_INFINITY;
  const giveUpEvery = options.checkpoints?.giveUpEvery ?? Number.POSITIVE_INFINITY;
  const overtakeAfter = options.checkpoints?.overtakeAfterSteps ?? Number.POSITIVE_INFINITY;
  let takeAt = everySteps;
  let giveUpAt = Number.POSITIVE_INFINITY;
  let begunAt = 0;
  let crashed = false;
  let ended = false;
  let outcome: Promise<void> = Promise.resolve();
  const start = (): void => {
    const slots = deployments(job, plan, options, attempt).map((deployment) => {
      const enumerates = deployment.slot === 0 ? sources : [];
      const restored = restore === undefined ? {} : { restore: { checkpoint: restore } };
      return new InThreadSlot(job, { ...deployment, enumerates, ...restored }, scheduler, random, clock);
    });
    outcome = running.run(slots).finally(() => {
      ended = true;
    });
    outcome.catch(() => {}); // thrown below, once the scheduler has ended
    if (options.signal?.aborted === true) running.cancel();
  };
  const cancel = (): void => running.cancel();
  options.signal?.addEventListener("abort", cancel, { once: true });
  await scheduler.run(start, () => {
    crashed = !ended && (isDue(crash, scheduler.steps) || running.crashed);
    if (running.underWay) {
      takeAt = scheduler.steps + everySteps;
      if (scheduler.steps >= begunAt + overtakeAfter) running.overtake();
      if (scheduler.steps < giveUpAt) return ended || crashed;
      giveUpAt = Number.POSITIVE_INFINITY;
      running.giveUp();
    } else if (scheduler.steps >= takeAt) {
      running.take();
      begunAt = scheduler.steps;
      const lost = running.last % giveUpEvery === 0;
      giveUpAt = lost ? scheduler.steps + random.next() * GIVE_UP_STEPS : Number.POSITIVE_INFINITY;
    }
    return ended || crashed;
  });
  options.signal?.removeEventListener("abort", cancel);
  if (crashed) await running.drop();
  else await outcome;
  if (options.signal?.aborted === true) throw new MillraceError("CANCELLED", `job "${job.name}" was cancelled`);
  return { crashed, last: running.last };
}

function isDue(crash: InThreadCrash | undefined, steps: number): boolean {
  return crash !== undefined && (steps >= (crash.afterSteps ?? Number.POSITIVE_INFINITY) || crash.when?.() === true);
}

/** The vertices that begin with a source. */
export function sourcesOf({ graph, jobGraph }: Plan) {
  return jobGraph.vertices
    .filter(({ operators }) => graph.nodes.find(({ id }) => id === operators[0]?.id)?.spec.kind === "source")
    .map(({ id }) => id);
}

/** What the slots of an attempt are started with, but for the enumerators and what they go on from. */
export function deployments(
  job: Job,
  plan: Plan,
  options: Pick<InThreadOptions, "freeze">,
  attempt: number,
): readonly SlotDeployment[] {
  const { executionGraph, jobGraph, graphHash, params } = plan;
  const memory = createSharedMemory(executionGraph, () => false);
  if (executionGraph.slots === 0) throw new AssertionFailure("a job has at least one slot");
  return Array.from({ length: executionGraph.slots }, (_, slot) => ({
    ...{ jobId: "in-thread", jobName: job.name, module: job.module, bundled: false, params, attempt, slot },
    ...{ jobGraph, executionGraph, graphHash, memory, enumerates: [], printsToLog: false, checkpointing: true },
    showRecordsInErrors: job.options.showRecordsInErrors ?? false,
    freeze: options.freeze ?? true,
    workingDirectory: process.cwd(),
  }));
}
