/**
 * Planning a submission: builds the graph twice, compares, and settles it into job graph and execution graph.
 * Pure: the same job, parameters and options always give the same plan.
 */

import { MillraceError } from "../../core/errors.ts";
import { checkExecution, type ExecutionMode } from "../../core/execution.ts";
import { buildGraph, type Job, type Params, resolveParams } from "../../core/job.ts";
import { KEY_GROUPS_DEFAULT } from "../../core/limits.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import { checkBatch } from "./batch-program.ts";
import { createExecutionGraph, type ExecutionGraph } from "./execution-graph.ts";
import { createJobGraph, type JobGraph, type JobGraphOptions } from "./job-graph.ts";
import { type Stage, stagesOf } from "./stages.ts";
import { structuralHash } from "./structural-hash.ts";

export interface Plan {
  readonly params: Params;
  readonly graph: StreamGraph;
  readonly graphHash: string;
  readonly jobGraph: JobGraph;
  readonly executionGraph: ExecutionGraph;
  /** Of a batch; absent: the job is executed as a stream. */
  readonly stages?: readonly Stage[];
  /** Why a job that may be a batch is executed as a stream. */
  readonly notBatch?: string;
}

export interface PlanOptions {
  readonly params?: Params;
  readonly parallelism?: number | undefined;
  /** Overrides what the job says. */
  readonly execution?: ExecutionMode | undefined;
  /** What is asked of the run that batches do not have, named as an option; with "auto" it is executed as a stream. */
  readonly notInBatch?: string | undefined;
}

export function planJob(job: Job, options: PlanOptions = {}): Plan {
  const params = resolveParams(job, options.params);
  const graph = buildGraph(job, params);
  const graphHash = structuralHash(graph);
  if (structuralHash(buildGraph(job, params)) !== graphHash) {
    throw new MillraceError(
      "GRAPH_NOT_DETERMINISTIC",
      `building job "${job.name}" twice gave two different graphs; the builder must not read the clock, random numbers, the environment or files: pass what varies by params`,
    );
  }
  const settings = {
    parallelism: options.parallelism ?? job.options.parallelism ?? 1,
    keyGroups: job.options.keyGroups ?? KEY_GROUPS_DEFAULT,
  };
  const program = { params, graph, graphHash };
  const batch = batchOf(job, graph, settings, options);
  if (batch !== undefined && "stages" in batch) return { ...program, ...batch };
  const jobGraph = createJobGraph(graph, settings);
  return { ...program, jobGraph, executionGraph: createExecutionGraph(jobGraph), ...batch };
}

/** Whether records may be kept: as state, as far as the program declares it, or to be sorted. */
export function keepsRecords({ jobGraph, stages }: Plan): boolean {
  if (stages !== undefined) return true;
  return jobGraph.vertices.some(({ operators }) => operators.some(({ declared }) => declared?.states !== undefined));
}

/** The plan of a batch, or why it is none, or undefined where the job is to be a stream. @throws NOT_BATCH where it must be one. */
function batchOf(
  job: Job,
  graph: StreamGraph,
  settings: JobGraphOptions,
  { execution = job.options.execution ?? "streaming", notInBatch }: PlanOptions,
): Pick<Plan, "jobGraph" | "executionGraph" | "stages"> | Required<Pick<Plan, "notBatch">> | undefined {
  if (checkExecution(execution, `execution of job "${job.name}"`) === "streaming") return undefined;
  try {
    if (notInBatch !== undefined) throw notWith(job.name, notInBatch);
    checkBatch(graph);
    const jobGraph = createJobGraph(graph, { ...settings, batch: true });
    return { jobGraph, executionGraph: createExecutionGraph(jobGraph), stages: stagesOf(jobGraph) };
  } catch (error) {
    if (execution === "auto" && error instanceof MillraceError && error.code === "NOT_BATCH")
      return { notBatch: error.message };
    throw error;
  }
}

function notWith(job: string, option: string): MillraceError {
  return new MillraceError(
    "NOT_BATCH",
    `job "${job}" cannot be executed as a batch with ${option}; leave that away, or execute it as "streaming"`,
  );
}
