/**
 * Planning a submission: builds the graph twice, compares, and settles it into job graph and execution graph.
 * Pure: the same job, parameters and options always give the same plan.
 */

import { createHash } from "node:crypto";
import { MillraceError } from "../../core/errors.ts";
import { buildGraph, type Job, type Params, resolveParams } from "../../core/job.ts";
import { KEY_GROUPS_DEFAULT } from "../../core/limits.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import { createExecutionGraph, type ExecutionGraph } from "./execution-graph.ts";
import { createJobGraph, type JobGraph } from "./job-graph.ts";

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
    throw new MillraceError("GRAPH_NOT_DETERMINISTIC", `building job "${job.name}" twice gave two different graphs; the builder must not read the clock, random numbers, the environment or files: pass what varies by params`);
  }
  const jobGraph = createJobGraph(graph, {
    parallelism: options.parallelism ?? job.options.parallelism ?? 1,
    keyGroups: job.options.keyGroups ?? KEY_GROUPS_DEFAULT,
  });
  return { params, graph, graphHash, jobGraph, executionGraph: createExecutionGraph(jobGraph) };
}

/** Equal exactly for graphs of the same operators, edges and plain parameters. Functions count by their source text. */
export function structuralHash(graph: StreamGraph): string {
  const hash = createHash("sha256");
  for (const node of graph.nodes) hash.update(`${JSON.stringify(plain(node, 0))}\n`);
  return hash.digest("hex").slice(0, 16);
}

const depthMax = 12;

function plain(value: unknown, depth: number): unknown {
  if (typeof value === "function") return `function ${value.toString()}`;
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Date) return `date ${value.getTime()}`;
  if (typeof value !== "object" || value === null) return value === undefined ? "undefined" : value;
  if (depth > depthMax || ArrayBuffer.isView(value)) return Object.prototype.toString.call(value);
  if (Array.isArray(value)) return value.map((inner) => plain(inner, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner, depth + 1)]));
}
