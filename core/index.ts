/** The names of this room that user programs may use. Inner rooms import the files themselves. */

export {
  type AccumulatorPacking,
  type Aggregate,
  type AggregateColumn,
  averaging,
  type ColumnAggregate,
  counting,
  maximum,
  minimum,
  type NumberOf,
  summing,
  type ValueAggregate,
  type ValueOf,
} from "./aggregate.ts";
export { approximateSet, type BloomFilter, type BloomFilterOptions, mayHold } from "./aggregates/bloom-filter.ts";
export { type AnyAggregate, aggregates, filtered } from "./aggregates/combine.ts";
export { countingDistinct, type Distinct, type SeenValues } from "./aggregates/distinct.ts";
export {
  type ApproximateDistinctOptions,
  approximateDistinct,
  type DistinctSketch,
} from "./aggregates/hyper-log-log.ts";
export { type Moments, type Spread, standardDeviation, variance } from "./aggregates/moments.ts";
export { median, type QuantileSketch, type QuantilesOptions, quantile, quantiles } from "./aggregates/quantiles.ts";
export {
  type BestOptions,
  collectingList,
  collectingSet,
  firstValue,
  lastValue,
  maxBy,
  minBy,
  topN,
} from "./aggregates/records.ts";
export type { AsyncContext, AsyncOptions, LookupOptions, RetryOptions } from "./async-map.ts";
export type {
  BroadcastContext,
  BroadcastDeclaration,
  BroadcastFunction,
  BroadcastReadContext,
} from "./broadcast.ts";
export {
  addsRow,
  type Change,
  type ChangeKind,
  type ChangelogOptions,
  type ChangesEmit,
  deleted,
  inserted,
  isUpsert,
  materialise,
  type Ranked,
  shortKind,
  updatedFrom,
  updatedTo,
} from "./changelog.ts";
export type { CheckpointOptions } from "./checkpoints.ts";
export type { CoProcessFunction } from "./co-process.ts";
export type {
  BroadcastConnectedStreams,
  ConnectedStreams,
  CoTransformOptions,
  DimensionJoinOptions,
  KeyedConnectedStreams,
  ReadsOfTwo,
} from "./connected-streams.ts";
export { type BroadcastStream, DataStream, KeyedStream } from "./data-stream.ts";
export type { DeduplicateOptions } from "./deduplicate.ts";
export type { Environment, OperatorOptions } from "./environment.ts";
export { type ErrorCode, errorCodes, MillraceError } from "./errors.ts";
export {
  countEvictor,
  deltaEvictor,
  type Evictor,
  type EvictorOptions,
  timeEvictor,
  type WindowRecord,
} from "./evictor.ts";
export type { ExecutionMode } from "./execution.ts";
export type { IntervalJoinOptions, TemporalJoinOptions } from "./interval-join.ts";
export { defineJob, type Job, type JobOptions, type Params, type ParamValue } from "./job.ts";
export type { JoinFunctions, JoinType, LeftOf, RightOf } from "./join.ts";
export type { Key } from "./key.ts";
export type {
  Gate,
  Operator,
  OperatorContext,
  OperatorFactory,
  Output,
  Push,
  RuntimeContext,
  Timer,
  Timers,
} from "./operator.ts";
export { type Pattern, type PatternCondition, type PatternStart, pattern, type TakenSoFar } from "./pattern.ts";
export type { AfterMatch, PatternMatch, PatternOptions, TimedOutMatch } from "./pattern-match.ts";
export type { ProcessContext, ProcessFunction } from "./process.ts";
export type { ChangesJoinOptions, RegularJoined, RegularJoinOptions } from "./regular-join.ts";
export type { Requirements } from "./requirements.ts";
export { RESTART_DEFAULT, type RestartStrategy } from "./restart.ts";
export type {
  AggregateChangesOptions,
  KeyedResult,
  RunningAggregateOptions,
} from "./running-aggregate.ts";
export type { ArrowBatch, ArrowColumn, Schema } from "./schema.ts";
export { type OutputTag, outputTag } from "./side-output.ts";
export type { PreparedPart, RestoredSink, Sink, SinkContext, SinkWriter, TextOutput, UpsertSink } from "./sink.ts";
export type {
  EnumeratorContext,
  ReadStep,
  Source,
  SourceContext,
  SourceCut,
  SourceParts,
  SourceReader,
  SplitEnumerator,
} from "./source.ts";
export type { StandardSchema } from "./standard-schema.ts";
export {
  type ListState,
  listState,
  type MapState,
  mapState,
  type ReducingState,
  reducingState,
  type TtlOptions,
  type ValueState,
  valueState,
  withTtl,
} from "./state.ts";
export type { ByteSize, StateOptions } from "./state-options.ts";
export type {
  KeptOptions,
  KeyOptions,
  MapBatchesOptions,
  SinkCallOptions,
  TransformOptions,
  WindowOptions,
} from "./stream-options.ts";
export type { Counter, Histogram, Logger, MetricGroup } from "./telemetry.ts";
export { type Clock, type Duration, END_OF_TIME, NO_TIMESTAMP } from "./time.ts";
export type { Score, ScoreOf, TopNChangesOptions, TopNOptions } from "./top-n.ts";
export type { Trigger, TriggerContext, TriggerResult } from "./trigger.ts";
export * from "./triggers.ts";
export { type Type, types, type ValueSchema } from "./types.ts";
export type { SourceWatermarks, WatermarkAlignment, WatermarkGenerator, WatermarkOptions } from "./watermark.ts";
export {
  cumulative,
  globalWindow,
  session,
  sliding,
  tumbling,
  type Window,
  type WindowAlignment,
  type WindowResult,
  type WindowSpec,
} from "./window.ts";
export type { WindowContext, WindowFunction } from "./window-function.ts";
export type {
  CoGroupFunction,
  EitherRecord,
  WindowedConnectedStreams,
  WindowJoinFunctions,
  WindowJoinOptions,
} from "./window-join.ts";
export type { WindowedStream } from "./windowed-stream.ts";
