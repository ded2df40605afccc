/**
 * Planning a submission: builds the graph twice, compares, and settles it into job graph and execution graph.
 * Pure: the same job, parameters and options always give the same plan.
 */

import { MillraceError } from "../../core/errors.ts";
import { buildGraph, type Job, type Params, resolveParams } from "../../core/job.ts";
import { KEY_GROUPS_DEFAULT } from "../../core/limits.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import { createExecutionGraph, type ExecutionGraph } from "./execution-graph.ts";
import { createJobGraph, type JobGraph } from "./job-graph.ts";
import { structuralHash } from "./structural-hash.ts";

export interface Plan {
  readonly params: Params;
  readonly graph: StreamGraph;
  readonly graphHash: string;
  readonly jobGraph: JobGraph;
  readonly executionGraph: ExecutionGraph;
}

export interface PlanOptions {
  readonly params?: Params;
  readonly parallelism?: number | undefined;
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
  const jobGraph = createJobGraph(graph, {
    parallelism: options.parallelism ?? job.options.parallelism ?? 1,
    keyGroups: job.options.keyGroups ?? KEY_GROUPS_DEFAULT,
  });
  return { params, graph, graphHash, jobGraph, executionGraph: createExecutionGraph(jobGraph) };
}
