/** The logical program as frozen data: nodes that API calls make, and the edges between them. */

import type { Aggregate } from "./aggregate.ts";
import type { AsyncMapSpec, LookupSpec } from "./async-map.ts";
import type { BroadcastSpec } from "./broadcast.ts";
import type { ChangelogSpec } from "./changelog.ts";
import type { CoProcessFunction } from "./co-process.ts";
import type { DeduplicateSpec } from "./deduplicate.ts";
import type { GeneralWindowSpec } from "./general-window.ts";
import type { OperatorId } from "./ids.ts";
import type { IntervalJoinSpec, TemporalJoinSpec } from "./interval-join.ts";
import type { KeySelector } from "./key.ts";
import type { OperatorFactory, RuntimeContext } from "./operator.ts";
import type { Partitioning } from "./partitioning.ts";
import type { PatternMatchSpec } from "./pattern-match.ts";
import type { ProcessFunction } from "./process.ts";
import type { InnerJoinSpec, RegularJoinSpec } from "./regular-join.ts";
import type { Requirements } from "./requirements.ts";
import type { AggregateChangesSpec, RunningAggregateSpec } from "./running-aggregate.ts";
import type { ArrowBatch, Schema } from "./schema.ts";
import type { OutputTag } from "./side-output.ts";
import type { Sink } from "./sink.ts";
import type { Source } from "./source.ts";
import type { TopNChangesSpec, TopNSpec } from "./top-n.ts";
import type { TypeDescription } from "./types.ts";
import type { SourceWatermarkSpec, WatermarkStrategy } from "./watermark.ts";
import type { AlignedWindow } from "./window.ts";
import type { WindowJoinSpec } from "./window-join.ts";

/** A user function with its optional life cycle, as written (a function) or from an object with open, call and close. */
export interface UserFunction<A extends readonly unknown[] = readonly never[], R = unknown> {
  readonly call: (...args: A) => R;
  readonly open: ((context: RuntimeContext) => void | Promise<void>) | undefined;
  readonly close: (() => void | Promise<void>) | undefined;
}

/** What a batch function does, with the schema of the batches that it wants. */
export interface BatchFunction {
  readonly schema: Schema;
  readonly maxRows: number;
  /** One result for each row, in order: each keeps its row's timestamp. */
  readonly rowWise: boolean;
  readonly timeoutMs: number;
  readonly call: (batch: ArrowBatch, context: RuntimeContext) => unknown;
  readonly open: ((context: RuntimeContext) => void | Promise<void>) | undefined;
  readonly close: (() => void | Promise<void>) | undefined;
}

/** Of an operator with two inputs: how the key is found in records of the first and of the second one. */
export type KeyPair = readonly [first: KeySelector, second: KeySelector];

// biome-ignore-start lint/suspicious/noExplicitAny: nodes forget element types, which the fluent API has checked
export type OperatorSpec =
  | { readonly kind: "source"; readonly source: Source<any>; readonly watermarks?: SourceWatermarkSpec<any> }
  | { readonly kind: "map"; readonly fn: UserFunction<[any], unknown> }
  | { readonly kind: "filter"; readonly fn: UserFunction<[any], unknown> }
  | { readonly kind: "flatMap"; readonly fn: UserFunction<[any], unknown> }
  | {
      readonly kind: "timestamps";
      readonly timestampOf: (value: any) => number;
      readonly strategy: WatermarkStrategy<any>;
      readonly idleAfterMs: number | undefined;
    }
  | {
      readonly kind: "process";
      readonly key: KeySelector | undefined;
      readonly fn: ProcessFunction<any, any, any, any>;
    }
  | {
      readonly kind: "coProcess";
      /** How the key is found in records of the first and of the second input. */
      readonly keys: KeyPair | undefined;
      readonly fn: CoProcessFunction<any, any, any, any, any>;
    }
  | IntervalJoinSpec
  | InnerJoinSpec
  | RegularJoinSpec
  | TemporalJoinSpec
  | WindowJoinSpec
  | {
      readonly kind: "reduce";
      readonly key: KeySelector;
      readonly reduce: (sum: any, value: any) => any;
      /** What is kept of each key, where the program says so. */
      readonly type?: TypeDescription;
    }
  | {
      readonly kind: "window";
      readonly key: KeySelector;
      /** Of event time. */
      readonly window: AlignedWindow;
      readonly aggregate: Aggregate<any, any, any>;
      readonly allowedLatenessMs: number;
      readonly late: OutputTag<any> | undefined;
      /** What accumulators are, where the program says so. */
      readonly type?: TypeDescription;
      /** Whether it is aggregated before the shuffle, where that is possible; absent: as far as it pays. */
      readonly preAggregate?: PreAggregate;
      /** The aggregate of what was aggregated before the shuffle: set where that is done, never by a program. */
      readonly partials?: Aggregate<any, any, any>;
    }
  | PatternMatchSpec
  | RunningAggregateSpec
  | ChangelogSpec
  | DeduplicateSpec
  | TopNSpec
  | AggregateChangesSpec
  | TopNChangesSpec
  | GeneralWindowSpec
  | BroadcastSpec
  | AsyncMapSpec
  | LookupSpec
  | { readonly kind: "mapBatches"; readonly fn: BatchFunction }
  | { readonly kind: "custom"; readonly factory: OperatorFactory<any, any>; readonly keyed: boolean }
  | {
      readonly kind: "sink";
      readonly sink: Sink<any>;
      /** Whether the program wants the changes of a changelog as records. */
      readonly changesAsRecords?: boolean;
    };
// biome-ignore-end lint/suspicious/noExplicitAny: see above

/** What of a window is aggregated before the shuffle: all keys or none, or hot ones, at all times or under pressure. */
export type PreAggregate = boolean | "hotKeys" | "underPressure";

/** Where an edge begins: a node's main output, or one of its side outputs. */
export interface EdgeSpec {
  readonly from: OperatorId;
  readonly side: string | undefined;
  readonly partitioning: Partitioning;
  /** Of an operator with two inputs: to which of them it leads. Several edges lead to the same one after a union. */
  readonly port?: Port;
  /** Of an operator with two inputs: the fields that it reads of this one, or undefined for all. */
  readonly reads?: readonly string[] | undefined;
}

/** The first or the second input of an operator with two. */
export type Port = 1 | 2;

export interface StreamNode {
  /** The operator's name, unique in the job: given by the user, or derived where nothing is kept under it. */
  readonly id: OperatorId;
  readonly spec: OperatorSpec;
  readonly inputs: readonly EdgeSpec[];
  /** Absent: the job's parallelism. */
  readonly parallelism: number | undefined;
  /** The fields of its input that the operator reads, or undefined for all: only these travel to it. */
  readonly reads: readonly string[] | undefined;
  /** The labels that a worker must have to run it. */
  readonly requires: Requirements | undefined;
  /** The names that the operator had in earlier versions of the program. */
  readonly previously?: readonly string[];
}
