/**
 * Planning a submission: builds the graph twice, compares, and settles it into job graph and execution graph.
 * Pure: the same job, parameters and options always give the same plan.
 */

import { MillraceError } from "../../core/errors.ts";
import { checkExecution, type ExecutionMode } from "../../core/execution.ts";
import { buildGraph, type Job, type Params, resolveParams } from "../../core/job.ts";
import { BATCH_KEYS_BYTES, BATCH_KEYS_PER_INPUT_BYTE, KEY_GROUPS_DEFAULT } from "../../core/limits.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import { checkBatch, inputBytes } from "./batch-program.ts";
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
  /** Of a batch that may choose: what of its input it knows, and so whether it sorts it where it need not. */
  readonly input?: BatchInput;
  /** Why a job that may be a batch is executed as a stream. */
  readonly notBatch?: string;
}

export interface BatchInput {
  /** About; undefined: not known. */
  readonly bytes: number | undefined;
  /** Of how much input all keys fit into memory, whatever it is. */
  readonly bytesMax: number;
}

export interface PlanOptions {
  readonly params?: Params;
  readonly parallelism?: number | undefined;
  /** Overrides what the job says. */
  readonly execution?: ExecutionMode | undefined;
  /** Where sources look for their input, for a job that may choose by its size. */
  readonly workingDirectory?: string | undefined;
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

/** What a job keeps of its records, as far as the program declares it. */
export type KeptRecords =
  /** At most numbers, in columns, distinct values that are held together, and small accumulators of windows by their leaves. */
  | "none"
  /** As values, lists and maps of keys, or in accumulators of named fields. */
  | "states"
  /** Also by themselves in tables of windows and joins, or to be sorted: most of what has come is there for a while. */
  | "tables";

export function recordsKept({ jobGraph, stages }: Plan): KeptRecords {
  if (stages !== undefined) return "tables";
  const states = jobGraph.vertices.flatMap(({ operators }) =>
    operators.flatMap(({ declared }) => declared?.states ?? []),
  );
  const keeping = states.filter(({ values, holds }) => values !== false && holds !== "numbers" && holds !== "leaves");
  if (keeping.some(({ section, holds }) => section === "table" && holds === undefined)) return "tables";
  return keeping.length > 0 ? "states" : "none";
}

/** The plan of a batch, or why it is none, or undefined where the job is to be a stream. @throws NOT_BATCH where it must be one. */
function batchOf(
  job: Job,
  graph: StreamGraph,
  settings: JobGraphOptions,
  { execution = job.options.execution ?? "streaming", notInBatch, workingDirectory }: PlanOptions,
): Pick<Plan, "jobGraph" | "executionGraph" | "stages" | "input"> | Required<Pick<Plan, "notBatch">> | undefined {
  if (checkExecution(execution, `execution of job "${job.name}"`) === "streaming") return undefined;
  try {
    if (notInBatch !== undefined) throw notWith(job.name, notInBatch);
    checkBatch(graph);
    if (execution === "auto" && workingDirectory !== undefined) return cheapest(graph, settings, workingDirectory);
    return inStages(graph, settings, false);
  } catch (error) {
    if (execution === "auto" && error instanceof MillraceError && error.code === "NOT_BATCH")
      return { notBatch: error.message };
    throw error;
  }
}

/** As a batch that aggregates keys as they come where these surely fit into memory, and sorts them where not. */
function cheapest(graph: StreamGraph, settings: JobGraphOptions, workingDirectory: string): Staged {
  const bytes = inputBytes(graph, workingDirectory);
  const sorted = inStages(graph, settings, false);
  const bytesMax = (sorted.executionGraph.slots * BATCH_KEYS_BYTES) / BATCH_KEYS_PER_INPUT_BYTE;
  const input = { bytes, bytesMax };
  if (bytes === undefined || bytes > bytesMax) return { ...sorted, input };
  try {
    return { ...inStages(graph, settings, true), input };
  } catch (error) {
    // With fewer stages, records of two may meet that did not.
    if (error instanceof MillraceError && error.code === "NOT_BATCH") return sorted;
    throw error;
  }
}

type Staged = Required<Pick<Plan, "jobGraph" | "executionGraph" | "stages">> & Pick<Plan, "input">;

function inStages(graph: StreamGraph, settings: JobGraphOptions, keysFit: boolean): Staged {
  const jobGraph = createJobGraph(graph, { ...settings, batch: true, keysFit });
  return { jobGraph, executionGraph: createExecutionGraph(jobGraph), stages: stagesOf(jobGraph) };
}

function notWith(job: string, option: string): MillraceError {
  return new MillraceError(
    "NOT_BATCH",
    `job "${job}" cannot be executed as a batch with ${option}; leave that away, or execute it as "streaming"`,
  );
}
