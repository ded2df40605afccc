/** What planning a bundled program gives: everything the control plane has to know of it, and none of its functions. */

import type { CheckpointSettings } from "../core/checkpoints.ts";
import type { Params } from "../core/job.ts";
import type { RestartStrategy } from "../core/restart.ts";
import type { StateSettings } from "../core/state-options.ts";
import type { Labels } from "./cluster-protocol.ts";
import type { ExecutionGraph } from "./graph/execution-graph.ts";
import type { JobGraph } from "./graph/job-graph.ts";

export interface PlanRequest {
  /** The path of the bundle's file. */
  readonly bundle: string;
  readonly parallelism?: number;
  readonly params?: Params;
  readonly paramTexts?: readonly string[];
}

export interface PlannedJob {
  readonly name: string;
  readonly params: Params;
  readonly parallelism: number;
  readonly graphHash: string;
  readonly jobGraph: JobGraph;
  readonly executionGraph: ExecutionGraph;
  /** For each slot what the worker must have that runs it. */
  readonly slotLabels: readonly Labels[];
  readonly showRecordsInErrors: boolean;
  readonly restart: RestartStrategy | undefined;
  readonly watchdogMs: number;
  /** Where its state is while it runs; undefined: on the heap. */
  readonly state?: StateSettings | undefined;
  /** Undefined: no checkpoints are taken but savepoints. */
  readonly checkpoints: CheckpointSettings | undefined;
  /** What may go wrong, for the job's log. */
  readonly warnings?: readonly string[] | undefined;
  /** As `millrace explain` prints it. */
  readonly explained: string;
}

export interface Planner {
  /** Runs in a process of its own, bounded in time and memory. @throws MillraceError what is wrong with the program. */
  plan(request: PlanRequest): Promise<PlannedJob>;
  /** A request is coming soon: what it would have to wait for is started ahead, and ended if none comes. */
  expect(): void;
  /** Ends what was started ahead. */
  close(): void;
}
