/** One run of a query in this thread, by a seed: the production's subtasks, channels and checkpoints, and a virtual clock. */

import { defineJob, type Job, type Params } from "millrace";
import { runInThread } from "millrace/testing";
import { buildQuery, type Input, inputParams } from "../job.ts";
import { Ledger } from "./ledger.ts";

export interface Way {
  readonly parallelism: number;
  /** Whether the job is dropped in its midst, and goes on from its last checkpoint. */
  readonly crashes: boolean;
}

export const ways: readonly Way[] = [1, 2, 3].flatMap((parallelism) => [
  { parallelism, crashes: false },
  { parallelism, crashes: true },
]);

export function described({ parallelism, crashes }: Way): string {
  return `parallelism ${parallelism}${crashes ? ", with crashes" : ""}`;
}

/** Steps of the scheduler from the end of a checkpoint to the beginning of the next one. */
const CHECKPOINT_STEPS = 15;

const faults = {
  checkpoints: { everySteps: CHECKPOINT_STEPS },
  crashes: [{ afterSteps: Number.POSITIVE_INFINITY, atCheckpoint: 1 }, { afterSteps: 3 * CHECKPOINT_STEPS }],
};

let ledger = new Ledger();

const job = defineJob(
  import.meta,
  "nexmark-verified",
  (env, { query, ...input }) => buildQuery(env, query, input, ledger.sink()),
  { params: inputParams },
);

/** What the query has put out. @throws Error when it was to crash and has not. */
export async function outputOf(query: string, input: Input, way: Way): Promise<readonly object[]> {
  ledger = new Ledger();
  await runVerified(job, { ...input, query }, ledger, way);
  return ledger.rows;
}

/** Runs the job, which writes into the ledger. @throws Error when it was to crash and has not. */
export async function runVerified<P extends Params>(
  verified: Job<P>,
  params: Params,
  written: Ledger,
  { parallelism, crashes }: Way,
): Promise<void> {
  const handle = await runInThread(verified, { parallelism, params, freeze: false, ...(crashes ? faults : {}) });
  await handle.result;
  if (crashes && written.attempts < 2) throw new Error(`${verified.name} had ended before it was to crash`);
}
