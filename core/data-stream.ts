/**
 * The fluent API: streams and keyed streams. Mutually recursive, hence one file; what stands between two of their calls,
 * such as a windowed stream, has its own and makes its node by the `AppendNode` that it is handed.
 *
 * The law: a call only makes a frozen node; nothing runs. Types of elements follow from the user's functions.
 * Whatever holds state takes its name as the first argument.
 */

import { type Aggregate, checkAggregate } from "./aggregate.ts";
import { type AsyncContext, type AsyncOptions, asyncMapSpec, type LookupOptions, lookupSpec } from "./async-map.ts";
import { type Change, type ChangelogOptions, changelogSpec } from "./changelog.ts";
import {
  BroadcastConnectedStreams,
  ConnectedStreams,
  type Connection,
  checkedKeys,
  type KeyedAlike,
  KeyedConnectedStreams,
  type SameKeys,
} from "./connected-streams.ts";
import { type Deduplicated, type DeduplicateOptions, deduplicateSpec } from "./deduplicate.ts";
import type { Environment, OperatorOptions } from "./environment.ts";
import type { Key, KeySelector } from "./key.ts";
import type { EdgeSpec, OperatorSpec } from "./node.ts";
import type { OperatorFactory } from "./operator.ts";
import type { Partitioning } from "./partitioning.ts";
import type { Pattern } from "./pattern.ts";
import { type PatternMatch, type PatternOptions, patternMatchSpec } from "./pattern-match.ts";
import { pickFields } from "./pick-fields.ts";
import type { ProcessFunction } from "./process.ts";
import type { Requirements } from "./requirements.ts";
import {
  type AggregateChangesOptions,
  aggregateChangesSpec,
  fieldsRead,
  type RunningAggregateOptions,
  type RunningResult,
  runningAggregateSpec,
} from "./running-aggregate.ts";
import type { OutputTag } from "./side-output.ts";
import type { Sink } from "./sink.ts";
import type { StateDeclaration } from "./state.ts";
import {
  batchFunction,
  checkSameJob,
  inputsOfSink,
  type KeptOptions,
  type KeyField,
  type KeyOptions,
  keptType,
  keySelector,
  type MapBatchesOptions,
  repartitioned,
  type SinkCallOptions,
  sinkOptions,
  soleOrigin,
  type TransformOptions,
  type TupleOf,
  type WindowOptions,
} from "./stream-options.ts";
import {
  type ScoreOf,
  type TopNChangesOptions,
  type TopNOptions,
  type TopNResult,
  topNChangesSpec,
  topNSpec,
} from "./top-n.ts";
import { describeSchema } from "./types.ts";
import { checkFunctions, type Synchronous, userFunction, type WithLifecycle } from "./user-function.ts";
import { idleAfterMs, type WatermarkOptions, watermarkStrategy } from "./watermark.ts";
import { countWindowOf, type WindowSpec } from "./window.ts";
import { type AppendNode, type WindowCut, WindowedStream } from "./windowed-stream.ts";

const forward: Partitioning = Object.freeze({ kind: "forward" });

export class DataStream<out T> {
  protected readonly env: Environment;
  /** Where its records come from: several after a union. */
  protected readonly origins: readonly EdgeSpec[];

  constructor(env: Environment, origins: readonly EdgeSpec[]) {
    this.env = env;
    this.origins = origins;
  }

  /** One record for each record. */
  map<U>(fn: ((value: T) => U) & Synchronous<U>, options?: OperatorOptions): DataStream<U>;
  map<U>(fn: WithLifecycle<"map", [value: T], U> & Synchronous<U>, options?: OperatorOptions): DataStream<U>;
  map<U>(fn: unknown, options: OperatorOptions = {}): DataStream<U> {
    return this.appendFunction("map", fn, options);
  }

  /** The records for which the function is true; a type guard narrows the stream's type. */
  filter<U extends T>(fn: (value: T) => value is U, options?: OperatorOptions): DataStream<U>;
  filter(fn: (value: T) => boolean, options?: OperatorOptions): DataStream<T>;
  filter(fn: WithLifecycle<"filter", [value: T], boolean>, options?: OperatorOptions): DataStream<T>;
  filter(fn: unknown, options: OperatorOptions = {}): DataStream<T> {
    return this.appendFunction("filter", fn, options);
  }

  /** Any number of records for each record: an array, or a generator, which is suspended while consumers have no room. */
  flatMap<U>(fn: (value: T) => Iterable<U>, options?: OperatorOptions): DataStream<U>;
  flatMap<U>(fn: WithLifecycle<"flatMap", [value: T], Iterable<U>>, options?: OperatorOptions): DataStream<U>;
  flatMap<U>(fn: unknown, options: OperatorOptions = {}): DataStream<U> {
    return this.appendFunction("flatMap", fn, options);
  }

  private appendFunction<U>(kind: "map" | "filter" | "flatMap", fn: unknown, options: OperatorOptions): DataStream<U> {
    return this.append({ kind, fn: userFunction(kind, fn, options.name ?? kind) } as OperatorSpec, options);
  }

  /** Only the named fields of each record. */
  select<F extends keyof T & string>(...fields: readonly F[]): DataStream<Pick<T, F>> {
    const reads = Object.freeze([...fields]);
    return this.append({ kind: "map", fn: userFunction("map", pickFields(reads), "select") }, {}, { reads });
  }

  /** The records of all these streams, in no particular order between them. */
  union(...others: readonly DataStream<T>[]): DataStream<T> {
    for (const other of others) checkSameJob(this.env, other.env, "united");
    return new DataStream(this.env, [...this.origins, ...others.flatMap((other) => other.origins)]);
  }

  /** This stream and another one, for an operator that reads both. */
  connect<R>(other: BroadcastStream<R>): BroadcastConnectedStreams<T, R, never>;
  connect<R>(other: DataStream<R>): ConnectedStreams<T, R>;
  connect<R>(other: DataStream<R>): BroadcastConnectedStreams<T, R, never> | ConnectedStreams<T, R> {
    const connection = this.connection(other);
    return other instanceof BroadcastStream
      ? new BroadcastConnectedStreams<T, R, never>(connection, undefined)
      : new ConnectedStreams(connection);
  }

  /** Gives records their event time, in epoch milliseconds, and makes watermarks from it. */
  withTimestamps(
    timestampOf: (value: T) => number,
    options: WatermarkOptions<T> & OperatorOptions = {},
  ): DataStream<T> {
    const name = options.name ?? "withTimestamps";
    const strategy = watermarkStrategy(options, name);
    return this.append({ kind: "timestamps", timestampOf, strategy, idleAfterMs: idleAfterMs(options, name) }, options);
  }

  /** Brings all records of a key to the same subtask. Named fields travel alone where nothing else is read. */
  keyBy<F extends KeyField<T>>(field: F, options?: KeyOptions): KeyedStream<T, Extract<T[F], Key>>;
  keyBy<const N extends readonly KeyField<T>[]>(
    fields: N,
    options?: KeyOptions,
  ): KeyedStream<T, Extract<TupleOf<T, N>, Key>>;
  keyBy<K extends Key>(select: (value: T) => K, options?: KeyOptions): KeyedStream<T, K>;
  keyBy(by: string | readonly string[] | ((value: T) => Key), { type }: KeyOptions = {}): KeyedStream<T, Key> {
    const selector = keySelector(by);
    const typed = type === undefined ? selector : Object.freeze({ ...selector, type: describeSchema(type) });
    return new KeyedStream(this.env, this.origins, typed);
  }

  /**
   * Cuts all records into windows, whatever their key: one subtask does it, so this does not grow with the parallelism. The
   * results' key is "all".
   */
  windowAll(window: WindowSpec<T>, options: WindowOptions<T> = {}): WindowedStream<T, "all"> {
    return this.cutAll(window, options);
  }

  /** As `countWindow` of a keyed stream, of all records. */
  countWindowAll(size: number, slide = size): WindowedStream<T, "all"> {
    return this.cutAll(countWindowOf(size, slide), {});
  }

  private cutAll(window: WindowCut["window"], options: WindowOptions<T>): WindowedStream<T, "all"> {
    const key = Object.freeze({ select: () => "all" as const, fields: Object.freeze([]) });
    const keyed = new KeyedStream<T, "all">(this.env, this.origins, key);
    const append: AppendNode = (spec, named, more) => keyed.append(spec, { parallelism: 1, ...named }, more);
    return new WindowedStream({ append, key, window, options: options as WindowOptions<unknown> });
  }

  /** A function without key: side outputs and any number of results, but no keyed state and no timers. */
  process<O>(
    name: string,
    fn: ProcessFunction<T, never, Record<string, never>, O>,
    options: OperatorOptions = {},
  ): DataStream<O> {
    checkFunctions(name, fn, ["process"]);
    return this.append({ kind: "process", key: undefined, fn }, { ...options, name });
  }

  /**
   * The result of a function that waits, for up to `capacity` records at a time. Each result has its record's timestamp, and
   * watermarks stay in front of what they may not overtake. Records under way are in checkpoints; after a restart the
   * function is called for them again. A function that goes on failing, or that takes too long, fails the job, unless
   * `onFailure` gives a result in its place.
   */
  asyncMap<O>(
    name: string,
    fn: (value: T, context: AsyncContext) => O | Promise<O>,
    options: AsyncOptions<T, O> = {},
  ): DataStream<O> {
    return this.append(asyncMapSpec(name, fn, options), { ...options, name });
  }

  /**
   * Each record with what is found under its key outside, by calls as those of `asyncMap`, with a cache if that is wanted.
   * The table is seen as it is when it is asked.
   */
  lookup<K extends Key, V, O, const J extends "inner" | "left" = "inner">(
    name: string,
    options: LookupOptions<T, K, V, J, O>,
  ): DataStream<O> {
    return this.append(lookupSpec(name, options), { ...options, name });
  }

  /** Whole batches of records as Arrow columns, synchronously or not. */
  mapBatches<O>(name: string, options: MapBatchesOptions<O> & OperatorOptions): DataStream<O> {
    const reads = Object.keys(options.schema);
    return this.append({ kind: "mapBatches", fn: batchFunction(name, options) }, { ...options, name }, { reads });
  }

  /** An operator of one's own, by the contract in `core/operator.ts`. */
  transform<O>(name: string, factory: OperatorFactory<T, O>, options: TransformOptions = {}): DataStream<O> {
    return this.append({ kind: "custom", factory, keyed: false }, { ...options, name }, { reads: options.reads });
  }

  /** Spreads the records evenly over all subtasks of what follows. */
  rebalance(): DataStream<T> {
    return this.partitioned({ kind: "rebalance" });
  }

  /** Spreads the records evenly over the near subtasks of what follows: each producer feeds its share of them. */
  rescale(): DataStream<T> {
    return this.partitioned({ kind: "rescale" });
  }

  /** Brings all records to the first subtask of what follows. */
  global(): DataStream<T> {
    return this.partitioned({ kind: "global" });
  }

  /** Brings every record to every subtask of what follows. */
  broadcast(): BroadcastStream<T> {
    return new BroadcastStream(this.env, repartitioned(this.origins, { kind: "broadcast" }));
  }

  /** Brings each record to the subtask that the function names: 0 … subtasks-1. */
  partitionBy(choose: (value: T, subtasks: number) => number): DataStream<T> {
    return this.partitioned({ kind: "custom", choose });
  }

  /**
   * Writes the stream to a sink. A stream may have several. A changelog goes into sinks that keep a table; one that only
   * appends refuses it, unless its changes are wanted as records.
   */
  to(sink: Sink<T>, options: SinkCallOptions = {}): void {
    const { changesAsRecords = false, ...named } = options;
    const inputs = inputsOfSink(this.origins, sink.upsertKey);
    const spec = { kind: "sink", sink, ...(changesAsRecords && { changesAsRecords }) } as const;
    this.append(spec, sinkOptions(sink, named), { inputs });
  }

  /**
   * Runs the operator that made this stream on workers with these labels only, and with it what is chained to it. Where a
   * job runs embedded, everything runs in the one process.
   */
  requires(labels: Requirements): this {
    this.env.require(soleOrigin(this.origins, "requires").from, labels);
    return this;
  }

  /** What the operator that made this stream pushed into the side output. */
  sideOutput<S>(tag: OutputTag<S>): DataStream<S> {
    const { from } = soleOrigin(this.origins, `sideOutput("${tag.name}")`);
    return new DataStream<S>(this.env, [{ from, side: tag.name, partitioning: forward }]);
  }

  protected partitioned(partitioning: Partitioning): DataStream<T> {
    return new DataStream(this.env, repartitioned(this.origins, partitioning));
  }

  protected append<O>(
    spec: OperatorSpec,
    options: OperatorOptions,
    more: { reads?: readonly string[] | undefined; inputs?: readonly EdgeSpec[] } = {},
  ): DataStream<O> {
    const { inputs = this.origins, reads } = more;
    const id = this.env.addNode({ ...options, spec, inputs, reads });
    return new DataStream<O>(this.env, [{ from: id, side: undefined, partitioning: forward }]);
  }

  protected connection<R>(other: DataStream<R>): Connection {
    checkSameJob(this.env, other.env, "connected");
    const append: Connection["append"] = (spec, options, inputs) => this.append(spec, options, { inputs });
    return { append, first: this.origins, second: other.origins };
  }
}

/** A stream whose records have a key: what follows may keep state per key. */
export class KeyedStream<out T, K extends Key> extends DataStream<T> {
  // Without T, as everywhere in this file, so that a stream of clicks is a stream of unknown records too.
  readonly #key: KeySelector;

  constructor(env: Environment, origins: readonly EdgeSpec[], key: KeySelector<T, K>) {
    super(env, repartitioned(origins, { kind: "hash", key: key as KeySelector }));
    this.#key = key as KeySelector;
  }

  /** A function with state and timers per key. */
  // biome-ignore lint/complexity/noBannedTypes: {} is the declaration of no states
  override process<O, const S extends StateDeclaration = {}>(
    name: string,
    fn: ProcessFunction<T, K, S, O>,
    options: OperatorOptions = {},
  ): DataStream<O> {
    checkFunctions(name, fn, ["process"], ["onTimer"]);
    return this.append({ kind: "process", key: this.#key, fn }, { ...options, name });
  }

  /** This stream and another one with keys of the same type, for an operator that keeps state per key for both. */
  override connect<R>(other: BroadcastStream<R>): BroadcastConnectedStreams<T, R, K>;
  override connect<R, K2 extends Key>(other: KeyedStream<R, K2> & SameKeys<K, K2>): KeyedConnectedStreams<T, R, K>;
  override connect<R>(other: DataStream<R> & KeyedAlike): ConnectedStreams<T, R>;
  override connect<R>(other: DataStream<R>): never {
    if (other instanceof BroadcastStream)
      return new BroadcastConnectedStreams<T, R, K>(this.connection(other), this.#key) as never;
    const key = other instanceof KeyedStream ? other.#key : undefined;
    return new KeyedConnectedStreams<T, R, K>(this.connection(other), checkedKeys(this.#key, key)) as never;
  }

  /** The running combination of all records of a key, emitted with every record. */
  reduce(name: string, reduce: (sum: Readonly<T>, value: T) => T, options: KeptOptions<T> = {}): DataStream<T> {
    checkFunctions(name, { reduce }, ["reduce"]);
    return this.append({ kind: "reduce", key: this.#key, reduce, ...keptType(options) }, { ...options, name });
  }

  /**
   * An operator of one's own with keyed state, by the contract in `core/operator.ts`. It finds the key itself: handles
   * follow `context.state.setCurrentKey`, tables are addressed by key.
   */
  override transform<O>(name: string, factory: OperatorFactory<T, O>, options: TransformOptions = {}): DataStream<O> {
    return this.append({ kind: "custom", factory, keyed: true }, { ...options, name }, { reads: options.reads });
  }

  /**
   * The matches of a pattern among the records of each key, under the pattern's name. Keeps what open matches have taken,
   * and by event time the records that the watermark has not passed.
   */
  match<const Names extends string>(
    wanted: Pattern<T, Names>,
    options: PatternOptions<T, Names> = {},
  ): DataStream<PatternMatch<T, Names, K>> {
    const { spec } = wanted;
    return this.append(patternMatchSpec(this.#key, spec, options), { ...options, name: spec.name });
  }

  /**
   * What the aggregate makes of all records of a key so far: with every record, or as a changelog of one row for each key.
   * Keeps an accumulator a key.
   */
  aggregate<A, R, const Emit extends "results" | "changes" = "results">(
    name: string,
    aggregate: Aggregate<T, A, R> & Synchronous<R>,
    options: RunningAggregateOptions<NoInfer<A>, Emit> = {},
  ): DataStream<RunningResult<K, R, Emit>> {
    checkAggregate(name, aggregate);
    const spec = runningAggregateSpec(name, this.#key, aggregate, options);
    return this.append(spec, { ...options, name }, { reads: fieldsRead(spec) });
  }

  /**
   * Of the records of each key only the first, or the last as a changelog. By event time, the first of a key comes out
   * when the watermark has passed it, and what comes later for the key is dropped. Records that are dropped are counted
   * as "duplicateRecords". Keeps one record a key, or for the first by processing time one bit.
   */
  deduplicate<const Keep extends "first" | "last" = "first">(
    name: string,
    options: DeduplicateOptions<Keep> = {},
  ): DataStream<Deduplicated<T, Keep>> {
    return this.append(deduplicateSpec(name, this.#key, options), { ...options, name });
  }

  /**
   * The best n records of each key, as a changelog of them, or of each timestamp when the watermark has passed it. A record
   * costs the comparison with the worst of them; one that is among them copies their list.
   */
  topN<
    const By extends ScoreOf<T>,
    const Ranks extends boolean = false,
    const Emit extends "changes" | "upserts" | "watermark" = "changes",
  >(name: string, options: TopNOptions<T, By, Ranks, Emit>): DataStream<TopNResult<T, Ranks, Emit>> {
    return this.append(topNSpec<T>(name, this.#key, options), { ...options, name });
  }

  /**
   * Of a changelog: what an aggregate that rows can be taken out of makes of those that each key has now, as a changelog of one
   * row a key. Of a minimum, a maximum and a distinct count it keeps how often each value is there.
   */
  aggregateChanges<T, A, R>(
    this: KeyedStream<Change<T>, K>,
    name: string,
    aggregate: Aggregate<T, A, R> & Synchronous<R>,
    options: AggregateChangesOptions = {},
  ): DataStream<RunningResult<K, R, "changes">> {
    checkAggregate(name, aggregate);
    return this.append(aggregateChangesSpec(name, this.#key, aggregate, options), { ...options, name });
  }

  /** Of a changelog: the best n rows that each key has now. Keeps all rows, as each may come to be among the best. */
  topNChanges<T, const By extends ScoreOf<T>, const Ranks extends boolean = false>(
    this: KeyedStream<Change<T>, K>,
    name: string,
    options: TopNChangesOptions<T, By, Ranks>,
  ): DataStream<TopNResult<T, Ranks, "changes">> {
    return this.append(topNChangesSpec<T>(name, this.#key, options), { ...options, name });
  }

  /** The changelog of a stream of upserts: a later record of a key replaces the earlier one. Keeps a record a key. */
  toChangelog(name: string, options: ChangelogOptions<T> = {}): DataStream<Change<T>> {
    return this.append(changelogSpec(name, this.#key, options), { ...options, name });
  }

  /** Cuts each key's records into windows. */
  window(window: WindowSpec<T>, options: WindowOptions<T> = {}): WindowedStream<T, K> {
    return this.cut(window, options);
  }

  /** The last `size` records of each key, every `slide` records; without `slide`, when there are so many, and then anew. */
  countWindow(size: number, slide = size): WindowedStream<T, K> {
    return this.cut(countWindowOf(size, slide), {});
  }

  private cut(window: WindowCut["window"], options: WindowOptions<T>): WindowedStream<T, K> {
    const append: AppendNode = (spec, named, more) => this.append(spec, named, more);
    return new WindowedStream({ append, key: this.#key, window, options: options as WindowOptions<unknown> });
  }
}

/** A stream whose records come to every subtask of what follows. */
export class BroadcastStream<out T> extends DataStream<T> {
  /** Tells it from other streams for the compiler. */
  readonly #broadcast = true;

  override broadcast(): BroadcastStream<T> {
    return this.#broadcast && this;
  }
}
