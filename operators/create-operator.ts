/**
 * From a graph node to the operator that runs it. Map and filter are fused by the chain instead: see `fused.ts`.
 *
 * Loading is most of a start, so operators that many jobs do without are loaded where a graph has one: those of windows, and
 * all others that few jobs have at once.
 */

import { AssertionFailure, assert } from "../core/assert.ts";
import type { Key } from "../core/key.ts";
import type { OperatorSpec, StreamNode } from "../core/node.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import type { ProcessFunction } from "../core/process.ts";
import type { SinkContext } from "../core/sink.ts";
import type { StateDeclaration } from "../core/state.ts";
import type { StreamGraph } from "../core/stream-graph.ts";
import { FlatMapOperator } from "./flat-map.ts";
import { MapBatchesOperator } from "./map-batches.ts";
import { ProcessOperator } from "./process.ts";
import { ReduceOperator } from "./reduce.ts";
import { SinkOperator } from "./sink.ts";
import { TimestampsOperator } from "./timestamps.ts";
import { areWindowsLoaded, loadWindows, windowsModule } from "./window/load-windows.ts";

/** Sources and what the chain fuses, which have no operator; what nearly every job consists of; and windows, loaded by themselves. */
const commonKinds = [
  ...(["source", "map", "filter"] as const),
  ...(["flatMap", "timestamps", "process", "reduce", "window", "mapBatches", "custom", "sink"] as const),
];

export type CommonKind = (typeof commonKinds)[number];

const common: ReadonlySet<OperatorSpec["kind"]> = new Set(commonKinds);

type CreateFurther = typeof import("./further-operators.ts").createFurtherOperator;

let createFurther: CreateFurther | undefined;

/** Whether all operators of the graph can be created now; where not, `loadOperators` has to come first. */
export function areLoaded(graph: StreamGraph): boolean {
  return (areWindowsLoaded() || !hasWindow(graph)) && (createFurther !== undefined || !hasFurther(graph));
}

/** ENSURES: all operators of the graph can be created in this thread. */
export async function loadOperators(graph: StreamGraph): Promise<void> {
  if (hasWindow(graph)) await loadWindows();
  if (hasFurther(graph)) await loadFurther();
}

/** ENSURES: any operator can be created in this thread. */
export async function loadAllOperators(): Promise<void> {
  await loadWindows();
  await loadFurther();
}

async function loadFurther(): Promise<void> {
  createFurther ??= (await import("./further-operators.ts")).createFurtherOperator;
}

function hasWindow({ nodes }: StreamGraph): boolean {
  return nodes.some(({ spec }) => spec.kind === "window");
}

function hasFurther({ nodes }: StreamGraph): boolean {
  return nodes.some(({ spec }) => !common.has(spec.kind));
}

/** REQUIRES: `areLoaded` of the node's graph */
export function createOperator(node: StreamNode, context: OperatorContext & SinkContext): Operator {
  const { spec } = node;
  switch (spec.kind) {
    case "flatMap":
      return new FlatMapOperator(spec.fn, context);
    case "timestamps":
      return new TimestampsOperator(spec, context);
    case "process":
      return new ProcessOperator(
        spec.fn as ProcessFunction<unknown, Key, StateDeclaration, unknown>,
        spec.key,
        context,
      );
    case "reduce":
      return new ReduceOperator(spec.key, spec.reduce, context);
    case "window": {
      const { WindowOperator } = windowsModule();
      return new WindowOperator(spec, context);
    }
    case "mapBatches":
      return new MapBatchesOperator(spec.fn, context);
    case "custom":
      return spec.factory(context);
    case "sink":
      return new SinkOperator(spec.sink, context);
    case "source":
    case "map":
    case "filter":
      throw new AssertionFailure(`${spec.kind} has no operator of its own`);
    default:
      assert(createFurther !== undefined, `the operators of kind ${spec.kind} are not loaded`);
      return createFurther(spec, context);
  }
}
