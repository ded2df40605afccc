/** From a graph node to the operator that runs it. Map and filter are fused by the chain instead: see `fused.ts`. */

import { AssertionFailure, unreachable } from "../core/assert.ts";
import type { CoProcessFunction } from "../core/co-process.ts";
import { isPlainSession } from "../core/general-window.ts";
import type { Key } from "../core/key.ts";
import type { StreamNode } from "../core/node.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import type { ProcessFunction } from "../core/process.ts";
import type { SinkContext } from "../core/sink.ts";
import type { StateDeclaration } from "../core/state.ts";
import { AggregateOperator } from "./aggregate.ts";
import { AsyncMapOperator } from "./async/async-map.ts";
import { lookupJoin } from "./async/lookup-join.ts";
import { BroadcastProcessOperator } from "./broadcast-process.ts";
import { ChangelogOperator } from "./changelog.ts";
import { CoProcessOperator } from "./co-process.ts";
import { DeduplicateOperator } from "./deduplicate.ts";
import { FlatMapOperator } from "./flat-map.ts";
import { InnerJoinOperator } from "./join/inner-join.ts";
import { IntervalJoinOperator } from "./join/interval-join.ts";
import { RegularJoinOperator } from "./join/regular-join.ts";
import { TemporalJoinOperator } from "./join/temporal-join.ts";
import { WindowJoinOperator } from "./join/window-join.ts";
import { MapBatchesOperator } from "./map-batches.ts";
import { PatternOperator } from "./pattern/pattern-operator.ts";
import { ProcessOperator } from "./process.ts";
import { ReduceOperator } from "./reduce.ts";
import { SinkOperator } from "./sink.ts";
import { TimestampsOperator } from "./timestamps.ts";
import { TopNOperator } from "./top-n.ts";
import { TopNAtWatermark } from "./top-n-at-watermark.ts";
import { GeneralWindowOperator } from "./window/general/general-window-operator.ts";
import { SessionOperator } from "./window/session/session-operator.ts";
import { WindowOperator } from "./window/window-operator.ts";

export { type FusedStep, fuse } from "./fused.ts";
export { type InOrderOptions, inOrder } from "./in-order.ts";
export { type MapReduce, type MapReduceKey, mapReduce } from "./map-reduce.ts";
export {
  answerMerger,
  mergeAnswers,
  onlineRecommender,
  type RankedList,
  type RecommenderAnswer,
  type RecommenderInput,
  type RecommenderOptions,
  recommenderSchema,
} from "./ml/recommender/operator.ts";

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
    case "coProcess":
      return new CoProcessOperator(
        spec.fn as CoProcessFunction<unknown, unknown, Key, StateDeclaration, unknown>,
        spec.keys,
        context,
      );
    case "broadcastProcess":
      return new BroadcastProcessOperator(spec, context);
    case "intervalJoin":
      return new IntervalJoinOperator(spec, context);
    case "innerJoin":
      return new InnerJoinOperator(spec, context);
    case "regularJoin":
      return new RegularJoinOperator(spec, context);
    case "temporalJoin":
      return new TemporalJoinOperator(spec, context);
    case "windowJoin":
      return new WindowJoinOperator(spec, context);
    case "reduce":
      return new ReduceOperator(spec.key, spec.reduce, context);
    case "window":
      return new WindowOperator(spec, context);
    case "pattern":
      return new PatternOperator(spec, context);
    case "aggregate":
      return new AggregateOperator(spec, context);
    case "changelog":
      return new ChangelogOperator(spec, context);
    case "deduplicate":
      return new DeduplicateOperator(spec, context);
    case "topN":
      return spec.emit === "watermark" ? new TopNAtWatermark(spec, context) : new TopNOperator(spec, context);
    case "generalWindow":
      return isPlainSession(spec) ? new SessionOperator(spec, context) : new GeneralWindowOperator(spec, context);
    case "asyncMap":
      return new AsyncMapOperator(spec.call, spec.options, context);
    case "lookupJoin":
      return lookupJoin(spec, context);
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
      unreachable(spec);
  }
}
