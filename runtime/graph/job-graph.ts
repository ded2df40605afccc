/**
 * The job graph: the logical program with parallelisms settled and operators chained into vertices.
 *
 * Two operators are chained, so that records pass between them by direct call, when the edge keeps every record in its
 * subtask anyway: it is a forward edge between equal parallelisms (or any edge from one subtask to one), and it is the
 * only input of the second. The graph is plain data: functions stay in the stream graph and are found by operator id.
 */

import { MillraceError } from "../../core/errors.ts";
import type { OperatorId, VertexId } from "../../core/ids.ts";
import { KEY_GROUPS_MAX } from "../../core/limits.ts";
import type { StreamNode } from "../../core/node.ts";
import type { Partitioning } from "../../core/partitioning.ts";
import { joinedRequirements } from "../../core/requirements.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import { takesPartials } from "../../operators/window/partials.ts";
import type { PreAggregation } from "../../operators/window/pre-aggregator.ts";
import type { Labels } from "../cluster-protocol.ts";
import type { OperatorDeclaration } from "../state/operator-declaration.ts";
import { aggregatesByHash, takesWholeKeys } from "./batch-program.ts";
import { declaredState } from "./declare-state.ts";

export interface JobGraph {
  readonly jobName: string;
  readonly keyGroups: number;
  readonly vertices: readonly JobVertex[];
  readonly edges: readonly JobEdge[];
}

/** A chain of operators, run as one unit by each of `parallelism` subtasks. */
export interface JobVertex {
  readonly id: VertexId;
  readonly parallelism: number;
  /** What a worker must have that runs it; absent: nothing. */
  readonly labels?: Labels;
  /** In topological order; the first is the one that gets the input. */
  readonly operators: readonly ChainedOperator[];
}

export interface ChainedOperator {
  readonly id: OperatorId;
  readonly outputs: readonly OperatorOutput[];
  /** What it keeps, as far as the program says it; absent: nothing, or the program does not say. */
  readonly declared?: OperatorDeclaration;
  /** The names that it had in earlier versions of the program. */
  readonly previously?: readonly string[];
}

/** Where an operator's results go: to an operator of the same chain, or over an edge to another vertex. */
export interface OperatorOutput {
  readonly side: string | undefined;
  readonly to:
    | { readonly kind: "chained"; readonly operator: OperatorId }
    | { readonly kind: "edge"; readonly edge: number };
}

export interface JobEdge {
  readonly index: number;
  readonly from: VertexId;
  readonly fromOperator: OperatorId;
  readonly to: VertexId;
  readonly toOperator: OperatorId;
  /** Which of the consumer's inputs: its partitioning functions are found there. */
  readonly input: number;
  readonly partitioning: Partitioning["kind"];
  /** The only fields that travel, or undefined for all. */
  readonly fields: readonly string[] | undefined;
  /**
   * Which records are aggregated before they are sent, so that what travels are partials: those of "all" keys, or of the "hot"
   * ones, at all times or "underPressure", beside which the fields of other records travel. Absent: none.
   */
  readonly preAggregated?: PreAggregation;
  /** Of a batch: whether all of it is written, sorted by key, before it is read (`stages.ts`). */
  readonly blocking?: true;
}

export interface JobGraphOptions {
  readonly parallelism: number;
  readonly keyGroups: number;
  /** Whether records of a key are brought together before it is worked on. */
  readonly batch?: boolean;
  /** Whether in a batch the keys fit into memory, so that what can aggregate them as they come does not sort. */
  readonly keysFit?: boolean;
}

interface SettledEdge {
  readonly from: StreamNode;
  readonly to: StreamNode;
  readonly input: number;
  readonly side: string | undefined;
  readonly partitioning: Partitioning["kind"];
  readonly chained: boolean;
  readonly fields: readonly string[] | undefined;
  readonly blocking: boolean;
}

export function createJobGraph(graph: StreamGraph, options: JobGraphOptions): JobGraph {
  checkOptions(graph, options);
  const parallelism = new Map(graph.nodes.map((node) => [node.id, settledParallelism(node, options)]));
  const edges = graph.nodes.flatMap((node) => settleEdges(node, graph, parallelism, options));
  const headOf = chainHeads(graph, edges);
  const jobEdges = edges.filter((edge) => !edge.chained).map((edge, index) => toJobEdge(edge, index, headOf, edges));
  const vertices = graph.nodes
    .filter((node) => headOf.get(node.id) === node.id)
    .map((head): JobVertex => {
      const chain = graph.nodes.filter((node) => headOf.get(node.id) === head.id);
      const labels = joinedRequirements(chain);
      return {
        id: head.id as unknown as VertexId,
        parallelism: parallelism.get(head.id) as number,
        ...(labels === undefined ? {} : { labels }),
        operators: chain.map((node) => chainedOperator(node, outputsOf(node, edges, jobEdges))),
      };
    });
  return { jobName: graph.jobName, keyGroups: options.keyGroups, vertices, edges: jobEdges };
}

function chainedOperator(node: StreamNode, outputs: readonly OperatorOutput[]): ChainedOperator {
  const { id, previously } = node;
  const declared = declaredState(node);
  return {
    ...{ id, outputs },
    ...(declared === undefined ? {} : { declared }),
    ...(previously === undefined ? {} : { previously }),
  };
}

function checkOptions(graph: StreamGraph, options: JobGraphOptions): void {
  const { keyGroups } = options;
  if (!Number.isInteger(keyGroups) || keyGroups < 1 || keyGroups > KEY_GROUPS_MAX) {
    throw new MillraceError(
      "PARALLELISM",
      `job "${graph.jobName}" asks for ${keyGroups} key groups; it must be a whole number from 1 to ${KEY_GROUPS_MAX}`,
    );
  }
  for (const value of [options.parallelism, ...graph.nodes.map((node) => node.parallelism ?? 1)]) {
    if (!Number.isInteger(value) || value < 1)
      throw new MillraceError(
        "PARALLELISM",
        `the parallelism of job "${graph.jobName}" is ${value}; it must be a whole number of at least 1`,
      );
    if (value > keyGroups) {
      throw new MillraceError(
        "PARALLELISM",
        `job "${graph.jobName}" asks for parallelism ${value} but has ${keyGroups} key groups, which bound it; lower the parallelism, or set keyGroups at the job's first start`,
      );
    }
  }
}

function settledParallelism(node: StreamNode, options: JobGraphOptions): number {
  const wanted = node.parallelism ?? options.parallelism;
  const max = node.spec.kind === "source" ? (node.spec.source.parallelismMax ?? wanted) : wanted;
  if (Number.isInteger(max) && max >= 1) return Math.min(wanted, max);
  throw new MillraceError(
    "PARALLELISM",
    `the parallelismMax of source "${node.id}" is ${max}; it must be a whole number of at least 1`,
    { operator: node.id },
  );
}

function settleEdges(
  node: StreamNode,
  graph: StreamGraph,
  parallelism: ReadonlyMap<OperatorId, number>,
  { batch = false, keysFit = false }: JobGraphOptions,
): SettledEdge[] {
  const blocking = batch && takesWholeKeys(node) && !(keysFit && aggregatesByHash(node));
  return node.inputs.map((edge, input) => {
    const from = graph.nodes.find((candidate) => candidate.id === edge.from) as StreamNode;
    const producers = parallelism.get(from.id) as number;
    const consumers = parallelism.get(node.id) as number;
    const { kind } = edge.partitioning;
    const partitioning = blocking ? kind : settlePartitioning(kind, producers, consumers);
    return {
      from,
      to: node,
      input,
      side: edge.side,
      partitioning,
      chained: partitioning === "forward" && node.inputs.length === 1,
      fields: edge.reads ?? node.reads,
      blocking,
    };
  });
}

function settlePartitioning(wanted: Partitioning["kind"], producers: number, consumers: number): Partitioning["kind"] {
  if (producers === 1 && consumers === 1) return "forward";
  if (wanted === "forward" && producers !== consumers) return "rebalance";
  return wanted;
}

/** For each operator the head of its chain. Nodes come in topological order, as the API makes them. */
function chainHeads(graph: StreamGraph, edges: readonly SettledEdge[]): ReadonlyMap<OperatorId, OperatorId> {
  const heads = new Map<OperatorId, OperatorId>();
  for (const node of graph.nodes) {
    const chainedTo = edges.find((edge) => edge.to === node && edge.chained)?.from;
    heads.set(node.id, chainedTo === undefined ? node.id : (heads.get(chainedTo.id) as OperatorId));
  }
  return heads;
}

function toJobEdge(
  edge: SettledEdge,
  index: number,
  headOf: ReadonlyMap<OperatorId, OperatorId>,
  edges: readonly SettledEdge[],
): JobEdge {
  const preAggregated = preAggregation(edge.to, edges);
  return {
    index,
    from: headOf.get(edge.from.id) as unknown as VertexId,
    fromOperator: edge.from.id,
    to: headOf.get(edge.to.id) as unknown as VertexId,
    toOperator: edge.to.id,
    input: edge.input,
    partitioning: edge.partitioning,
    fields: preAggregated === "all" ? undefined : edge.fields,
    ...(preAggregated === undefined ? {} : { preAggregated }),
    ...(edge.blocking ? { blocking: true } : {}),
  };
}

/**
 * Where all records of a window go to the subtasks of their keys, they may be aggregated first. By itself that is done where
 * whole records would travel, and where all of them have one key. Else, to send a few fields costs less than to find the place
 * of a key, so that is done only while a consumer cannot keep up.
 */
function preAggregation(node: StreamNode, edges: readonly SettledEdge[]): PreAggregation | undefined {
  const { spec } = node;
  const inputs = edges.filter(({ to }) => to === node);
  const isPossible = inputs.every(({ partitioning, chained, blocking }) => {
    return partitioning === "hash" && !chained && !blocking;
  });
  if (!isPossible || spec.kind !== "window" || !takesPartials(node)) return undefined;
  if (spec.preAggregate === "hotKeys") return "hot";
  if (spec.preAggregate === "underPressure") return "underPressure";
  if (spec.preAggregate === true || inputs.every(({ fields }) => fields === undefined)) return "all";
  return spec.key.fields?.length === 0 ? "hot" : "underPressure";
}

function outputsOf(node: StreamNode, edges: readonly SettledEdge[], jobEdges: readonly JobEdge[]): OperatorOutput[] {
  return edges
    .filter((edge) => edge.from === node)
    .map((edge) => ({
      side: edge.side,
      to: edge.chained
        ? { kind: "chained" as const, operator: edge.to.id }
        : {
            kind: "edge" as const,
            edge: (jobEdges.find((job) => job.toOperator === edge.to.id && job.input === edge.input) as JobEdge).index,
          },
    }));
}
