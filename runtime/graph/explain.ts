/**
 * A plan as text for people: the program as it was written, its operators chained into vertices, and their subtasks on
 * slots. The same plan always gives the same text.
 */

import type { AsyncSpec } from "../../core/async-map.ts";
import type { GeneralWindowSpec } from "../../core/general-window.ts";
import type { Preserved } from "../../core/join.ts";
import type { OperatorSpec, StreamNode } from "../../core/node.ts";
import type { TimerDomain } from "../../core/operator.ts";
import type { Partitioning } from "../../core/partitioning.ts";
import { namesOf } from "../../core/pattern-match.ts";
import { whyOneByOne } from "../../operators/window/partials.ts";
import type { ExecutionGraph } from "./execution-graph.ts";
import type { JobEdge, JobVertex } from "./job-graph.ts";
import type { BatchInput, Plan } from "./plan.ts";
import { labelsText, regionsOf, slotLabels } from "./regions.ts";

export function explain(plan: Plan): string {
  const { graph, graphHash, jobGraph, executionGraph } = plan;
  return [
    `Job "${graph.jobName}", graph ${graphHash}, ${count(jobGraph.keyGroups, "key group")}`,
    "",
    `Logical graph: ${count(graph.nodes.length, "operator")}`,
    ...graph.nodes.flatMap((node) => logicalLines(node)),
    "",
    `Chained graph: ${count(jobGraph.vertices.length, "vertex", "vertices")}, ${count(jobGraph.edges.length, "edge")}`,
    ...jobGraph.vertices.flatMap((vertex) => chainedLines(vertex, plan)),
    "",
    `Parallel graph: ${count(executionGraph.subtasks.length, "subtask")} in ${count(executionGraph.slots, "slot")}${regions(plan)}, ${channels(executionGraph)}`,
    ...parallelLines(plan),
    ...stageLines(plan),
    "",
  ].join("\n");
}

function logicalLines(node: StreamNode): string[] {
  const parallelism = node.parallelism === undefined ? "" : `, parallelism ${node.parallelism}`;
  const inputs = node.inputs.map(
    ({ from, side, partitioning, port }) =>
      `    ${port === undefined ? "" : `input ${port} `}from ${from}${side === undefined ? "" : `, side output "${side}"`}: ${partitioningText(partitioning)}`,
  );
  const requires = node.requires === undefined ? "" : `, requires ${labelsText(node.requires)}`;
  return [`  ${node.id}: ${operatorText(node.spec)}${parallelism}${requires}`, ...inputs];
}

function chainedLines(vertex: JobVertex, { jobGraph, graph }: Plan): string[] {
  const chain = vertex.operators.map((operator) => operator.id).join(" → ");
  const edges = jobGraph.edges
    .filter((edge) => edge.to === vertex.id)
    .map((edge) => `    ${edgeText(edge)}${oneByOneText(edge, graph)}`);
  return [`  ${vertex.id}, parallelism ${vertex.parallelism}: ${chain}`, ...edges];
}

/** Of a batch: what runs together. Of what may be one and is not: why. */
function stageLines({ stages, notBatch, input }: Plan): string[] {
  if (stages === undefined) return notBatch === undefined ? [] : ["", `Executed as a stream: ${notBatch}`];
  const lines = stages.map(
    ({ index, jobGraph }) => `  stage ${index + 1}: ${jobGraph.vertices.map(({ id }) => id).join(", ")}`,
  );
  return ["", `Batch: ${count(stages.length, "stage")}, one after the other`, ...lines, ...inputLines(input)];
}

function inputLines(input: BatchInput | undefined): string[] {
  if (input === undefined) return [];
  const { bytes, bytesMax } = input;
  if (bytes === undefined) return ["  all keys are sorted, as it is not known how large the input is"];
  const size = `about ${megabytes(bytes)} of input`;
  return bytes > bytesMax
    ? [
        `  all keys are sorted, as those of ${size} may not fit into memory: of more than ${megabytes(bytesMax)} they are`,
      ]
    : [
        `  aggregates of numbers take keys as they come, as those of ${size} fit into memory: of up to ${megabytes(bytesMax)}`,
      ];
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}

function edgeText(edge: JobEdge): string {
  if (edge.blocking) {
    const fields = edge.fields === undefined ? "all fields" : `fields ${edge.fields.join(", ")}`;
    return `from ${edge.fromOperator}: ${edge.partitioning}, sorted by key on disk, ${fields}`;
  }
  if (edge.preAggregated === "all")
    return `from ${edge.fromOperator}: ${edge.partitioning}, aggregated before it is sent`;
  const fields = edge.fields === undefined ? "all fields" : `fields ${edge.fields.join(", ")}`;
  const hot = edge.preAggregated === undefined ? "" : `, hot keys aggregated before they are sent`;
  const when = edge.preAggregated === "underPressure" ? ", while one consumer has too much" : "";
  return `from ${edge.fromOperator}: ${edge.partitioning}, ${fields}${hot}${when}`;
}

/** Why an aggregate in windows does not begin where the records are sent. */
function oneByOneText({ toOperator, blocking }: JobEdge, { nodes }: Plan["graph"]): string {
  const spec = nodes.find(({ id }) => id === toOperator)?.spec;
  const why = spec === undefined || blocking === true ? undefined : whyOneByOne(spec);
  return why === undefined ? "" : `, one by one: ${why}`;
}

function parallelLines({ jobGraph, executionGraph }: Plan): string[] {
  const regions = regionsOf(jobGraph, executionGraph);
  const labels = slotLabels(jobGraph, executionGraph);
  return Array.from({ length: executionGraph.slots }, (_, slot) => {
    const region = regions.find(({ slots }) => slots.includes(slot));
    const where = regions.length > 1 && region !== undefined ? ` (region ${region.index + 1})` : "";
    const required = labelsText(labels[slot] ?? {});
    const on = required === "" ? "" : `, on a worker with ${required}`;
    const names = executionGraph.subtasks
      .filter((placed) => placed.slot === slot)
      .map((placed) => {
        const vertex = jobGraph.vertices.find((candidate) => candidate.id === placed.vertex);
        return `${placed.vertex} ${placed.subtask + 1}/${vertex?.parallelism}`;
      });
    return `  slot ${slot + 1}${where}: ${names.join(", ")}${on}`;
  });
}

function regions({ jobGraph, executionGraph }: Plan): string {
  const { length } = regionsOf(jobGraph, executionGraph);
  return length > 1 ? ` of ${length} regions` : "";
}

function channels({ channels }: ExecutionGraph): string {
  const between = channels.filter((channel) => channel.fromSlot !== channel.toSlot).length;
  return `${count(channels.length, "channel")} (${between} between slots)`;
}

function operatorText(spec: OperatorSpec): string {
  switch (spec.kind) {
    case "source":
      return `source, ${spec.source.bounded ? "bounded" : "unbounded"}`;
    case "window":
      return `${windowText(spec.window)}, keyed state`;
    case "generalWindow":
      return generalWindowText(spec);
    case "process":
      return spec.key === undefined ? "process" : `process, ${stateText(Object.keys(spec.fn.state ?? {}))}`;
    case "coProcess":
      return spec.keys === undefined
        ? "process of two inputs"
        : `process of two inputs, ${stateText(Object.keys(spec.fn.state ?? {}))}`;
    case "broadcastProcess":
      return `process with broadcast state ${Object.keys(spec.fn.broadcast).join(", ")}, ${stateText(Object.keys(spec.fn.state ?? {}))}`;
    case "intervalJoin":
      return `${joinText(spec.preserved)} interval join, ${durationText(spec.lowerMs)} to ${durationText(spec.upperMs)} later, keyed state`;
    case "innerJoin":
      return `inner join, rows ${spec.keepText}, keyed state left, right`;
    case "regularJoin":
      return `${joinText(spec.preserved)} join${spec.ofChanges ? " of changelogs" : ""}, rows ${spec.keepText}, keyed state left, right`;
    case "temporalJoin":
      return `${spec.keepsUnmatched ? "left" : "inner"} temporal join${spec.keepMs < Number.POSITIVE_INFINITY ? `, rows kept for ${durationText(spec.keepMs)}` : ""}, keyed state`;
    case "windowJoin":
      return `join by ${windowText(spec.window)}, keyed state`;
    case "reduce":
      return "reduce, keyed state";
    case "custom":
      return spec.keyed ? "custom, keyed state" : "custom";
    case "pattern":
      return `pattern of ${namesOf(spec.pattern.steps).join(", ")}, by ${spec.time} time, keyed state`;
    case "aggregate":
      return `running aggregate${spec.emit === "changes" ? " as a changelog" : ""}, keyed state`;
    case "changelog":
      return "changelog of upserts, keyed state row";
    case "deduplicate":
      if (spec.approximate !== undefined) return "deduplicate, the first, by Bloom filters, keyed state filters";
      return `deduplicate, the ${spec.keep} by ${spec.time} time, ${stateText(Object.keys(spec.state))}`;
    case "aggregateChanges":
      return `aggregate of a changelog, ${stateText(Object.keys(spec.state))}`;
    case "topNChanges":
      return `the ${spec.descending ? "largest" : "smallest"} ${spec.n} by ${spec.by ?? "a function"} of a changelog, ${stateText(Object.keys(spec.state))}`;
    case "topN":
      return `the ${spec.descending ? "largest" : "smallest"} ${spec.n} by ${spec.by ?? "a function"}${spec.emit === "watermark" ? " at the watermark" : ""}, ${stateText(Object.keys(spec.state))}`;
    case "asyncMap":
      return `asyncMap, ${asyncText(spec.options)}`;
    case "lookupJoin":
      return `${spec.keepsUnmatched ? "left" : "inner"} lookup join, ${asyncText(spec.options)}${spec.cache === undefined ? "" : `, ${count(spec.cache.entries, "key")} remembered for ${durationText(spec.cache.ttlMs)}`}`;
    case "mapBatches":
      return `mapBatches, columns ${Object.keys(spec.fn.schema).join(", ")}`;
    default:
      return spec.kind;
  }
}

function generalWindowText({ window, trigger, evictor }: GeneralWindowSpec): string {
  const when = trigger === undefined ? "" : `, trigger: ${trigger.name}`;
  const which = evictor === undefined ? "" : `, evictor: ${evictor.name}`;
  return `${windowText(window)}${when}${which}, keyed state`;
}

function windowText(window: GeneralWindowSpec["window"]): string {
  switch (window.kind) {
    case "global":
      return "global window";
    case "count":
      return `count window, ${window.size}${window.slide === window.size ? "" : ` every ${window.slide}`}`;
    case "session":
      return `session window, gap ${window.gapMs === undefined ? "by a function" : durationText(window.gapMs)}${clockText(window)}`;
    default: {
      const { kind, sizeMs, slideMs } = window;
      const step = kind === "tumbling" ? "" : ` ${kind === "sliding" ? "every" : "by"} ${durationText(slideMs)}`;
      return `${kind} window, ${durationText(sizeMs)}${step}${clockText(window)}`;
    }
  }
}

function clockText({ time }: { readonly time: TimerDomain }): string {
  return time === "processing" ? " of processing time" : "";
}

function asyncText({ capacity, ordered, timeoutMs, retry }: AsyncSpec): string {
  const calls = retry.attempts === 1 ? "" : `, up to ${count(retry.attempts, "call")} each`;
  return `${capacity} at a time, ${ordered ? "ordered" : "unordered"}, within ${durationText(timeoutMs)}${calls}`;
}

function joinText({ left, right }: Preserved): string {
  if (left && right) return "full";
  return left ? "left" : right ? "right" : "inner";
}

function stateText(names: readonly string[]): string {
  return names.length === 0 ? "no state" : `keyed state ${names.join(", ")}`;
}

function partitioningText(partitioning: Partitioning): string {
  if (partitioning.kind !== "hash") return partitioning.kind === "custom" ? "by a function" : partitioning.kind;
  return `hash by ${partitioning.key.fields?.join(", ") ?? "a function"}`;
}

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
] as const;

/** The duration in its largest unit without a fraction, as `durationMs` reads it. */
function durationText(milliseconds: number): string {
  const unit = units.find(([, size]) => milliseconds !== 0 && milliseconds % size === 0);
  return unit === undefined ? `${milliseconds}ms` : `${milliseconds / unit[1]}${unit[0]}`;
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
