/** The operators that few jobs have, all of them, in one module graph that is loaded when one is needed. */

import { unreachable } from "../core/assert.ts";
import type { CoProcessFunction } from "../core/co-process.ts";
import { isClockWindow, isPlainSession } from "../core/general-window.ts";
import type { Key } from "../core/key.ts";
import type { OperatorSpec } from "../core/node.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import type { StateDeclaration } from "../core/state.ts";
import { AggregateOperator } from "./aggregate.ts";
import { AggregateChangesOperator } from "./aggregate-changes.ts";
import { ApproximateDeduplicate } from "./approximate-deduplicate.ts";
import { AsyncMapOperator } from "./async/async-map.ts";
import { lookupJoin } from "./async/lookup-join.ts";
import { BroadcastProcessOperator } from "./broadcast-process.ts";
import { ChangelogOperator } from "./changelog.ts";
import { CoProcessOperator } from "./co-process.ts";
import type { CommonKind } from "./create-operator.ts";
import { DeduplicateOperator } from "./deduplicate.ts";
import { InnerJoinOperator } from "./join/inner-join.ts";
import { IntervalJoinOperator } from "./join/interval-join.ts";
import { RegularJoinOperator } from "./join/regular-join.ts";
import { TemporalJoinOperator } from "./join/temporal-join.ts";
import { WindowJoinOperator } from "./join/window-join.ts";
import { PatternOperator } from "./pattern/pattern-operator.ts";
import { TopNOperator } from "./top-n.ts";
import { TopNAtWatermark } from "./top-n-at-watermark.ts";
import { TopNChangesOperator } from "./top-n-changes.ts";
import { ClockWindowOperator } from "./window/clock-window-operator.ts";
import { GeneralWindowOperator } from "./window/general/general-window-operator.ts";
import { SessionOperator } from "./window/session/session-operator.ts";

/** What this file makes. */
export type FurtherSpec = Exclude<OperatorSpec, { readonly kind: CommonKind }>;

export function createFurtherOperator(spec: FurtherSpec, context: OperatorContext): Operator {
  switch (spec.kind) {
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
    case "pattern":
      return new PatternOperator(spec, context);
    case "aggregate":
      return new AggregateOperator(spec, context);
    case "changelog":
      return new ChangelogOperator(spec, context);
    case "deduplicate":
      return spec.approximate === undefined
        ? new DeduplicateOperator(spec, context)
        : new ApproximateDeduplicate(spec, spec.approximate, context);
    case "topN":
      return spec.emit === "watermark" ? new TopNAtWatermark(spec, context) : new TopNOperator(spec, context);
    case "aggregateChanges":
      return new AggregateChangesOperator(spec, context);
    case "topNChanges":
      return new TopNChangesOperator(spec, context);
    case "generalWindow":
      if (isClockWindow(spec)) return new ClockWindowOperator(spec, context);
      return isPlainSession(spec) ? new SessionOperator(spec, context) : new GeneralWindowOperator(spec, context);
    case "asyncMap":
      return new AsyncMapOperator(spec.call, spec.options, context);
    case "lookupJoin":
      return lookupJoin(spec, context);
    default:
      unreachable(spec);
  }
}
