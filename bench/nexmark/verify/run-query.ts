/** One run of a query in this thread, by a seed: the production's subtasks, channels and checkpoints, and a virtual clock. */

import { defineJob, type Environment, type Source } from "millrace";
import { runInThread } from "millrace/testing";
import type { NexmarkEvent } from "../events.ts";
import { buildQuery, type Input } from "../job.ts";
import { Crashes } from "./crashes.ts";
import { Ledger } from "./ledger.ts";

export interface Way {
  readonly parallelism: number;
  /** Whether the job is dropped in its midst, and goes on from its last checkpoint. */
  readonly crashes: boolean;
}

/** Undisturbed and, unless that is unwanted, with crashes at each parallelism. */
export function waysOf(parallelisms: readonly number[], crashes = true): readonly Way[] {
  return parallelisms.flatMap((parallelism) =>
    (crashes ? [false, true] : [false]).map((each) => ({ parallelism, crashes: each })),
  );
}

export function described({ parallelism, crashes }: Way): string {
  return `parallelism ${parallelism}${crashes ? ", with crashes" : ""}`;
}

/** Makes of a source the one that a run is to have. */
export type Disturb = (source: Source<NexmarkEvent>) => Source<NexmarkEvent>;

/** What the query has put out. @throws Error when it was to crash amid so many events and has not. */
export async function outputOf(query: string, input: Input, way: Way): Promise<readonly object[]> {
  return runVerified(way, input.events, (env, ledger, disturb) =>
    buildQuery(env, query, input, ledger.sink(), disturb),
  );
}

/** The rows that a job writes into its ledger. @throws Error when it was to crash amid so many events and has not. */
export async function runVerified(
  { parallelism, crashes }: Way,
  events: number,
  build: (env: Environment, ledger: Ledger, disturb: Disturb) => void,
): Promise<readonly object[]> {
  const ledger = new Ledger();
  const crashing = crashes ? new Crashes(events) : undefined;
  const disturb: Disturb = (source) => crashing?.inParts(source) ?? source;
  const job = defineJob(import.meta, "nexmark-verified", (env) => build(env, ledger, disturb));
  const handle = await runInThread(job, { parallelism, freeze: false, ...crashing?.options });
  await handle.result;
  crashing?.check();
  return ledger.rows;
}
