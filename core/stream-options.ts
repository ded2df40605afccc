/** What the calls of the fluent API take beside functions, and how it is checked. */

import type { Environment, OperatorOptions } from "./environment.ts";
import { MillraceError } from "./errors.ts";
import type { Key, KeySelector, ScalarKey } from "./key.ts";
import { ARROW_BATCH_ROWS, ASYNC_TIMEOUT_MS } from "./limits.ts";
import type { BatchFunction, EdgeSpec, PreAggregate } from "./node.ts";
import type { RuntimeContext } from "./operator.ts";
import type { Partitioning } from "./partitioning.ts";
import { readField, readFields } from "./pick-fields.ts";
import type { ArrowBatch, Schema } from "./schema.ts";
import type { OutputTag } from "./side-output.ts";
import type { Sink } from "./sink.ts";
import { type Duration, positiveDurationMs } from "./time.ts";
import { describeSchema, type TypeDescription, type ValueSchema } from "./types.ts";
import { boundMethod } from "./user-function.ts";

/** The names of fields that can be part of a key. */
export type KeyField<T> = { [name in keyof T]: T[name] extends ScalarKey ? name : never }[keyof T] & string;

export type TupleOf<T, N extends readonly (keyof T)[]> = { readonly [i in keyof N]: T[N[i]] };

export interface MapBatchesOptions<O> {
  /** The columns that the function wants, by field name. */
  readonly schema: Schema;
  /** Rows of a batch at the most; default 1024. */
  readonly maxRows?: number;
  /** Whether it returns exactly one result for each row, in order: each then keeps its row's timestamp. */
  readonly rowWise?: boolean;
  /** How long a promise that it returns may take; default 60 s. */
  readonly timeout?: Duration;
  /**
   * Gets a batch of records as Arrow columns and returns the results: records, or again a batch. The batch is valid until
   * the function returns or its promise settles.
   */
  process(batch: ArrowBatch, context: RuntimeContext): Iterable<O> | ArrowBatch | Promise<Iterable<O> | ArrowBatch>;
  open?(context: RuntimeContext): void | Promise<void>;
  close?(): void | Promise<void>;
}

export interface TransformOptions extends OperatorOptions {
  /** The fields of its input that the operator reads, when they are known: only these travel to it. */
  readonly reads?: readonly string[];
}

export interface KeyOptions {
  /** What keys are: where the program goes on from a savepoint, state of other keys is refused. Default: not said. */
  readonly type?: ValueSchema<Key>;
}

export interface SinkCallOptions extends OperatorOptions {
  /** Whether changes are records of their own to a sink that only appends: `{ kind, value }`, one after the other. */
  readonly changesAsRecords?: boolean;
}

/** Of operators that keep one value for each key. */
export interface KeptOptions<A> extends OperatorOptions {
  /** What is kept; so that it can be converted when a later version of the program keeps something else. */
  readonly schema?: ValueSchema<A>;
}

export interface WindowOptions<T> {
  /** For how long after a window's end late records still update its result. Default "0s". */
  readonly allowedLateness?: Duration;
  /** Gets the records that came too late for every window of theirs; without it they are only counted. */
  readonly late?: OutputTag<T>;
  /**
   * Whether records are aggregated before they are sent to the subtask of their key, so that a key that many records have
   * does not hold up the others. Possible with tumbling, sliding and cumulative windows of event time whose aggregate is
   * mergeable, where neither lateness nor a late output is asked for.
   *
   * `true`: the records of all keys are; "hotKeys": those of keys that very many records have; "underPressure": the same, while
   * one subtask gets more than its share and cannot keep up; `false`: none. It looks whether it spares records, and leaves off
   * for a while where not. Default: all where whole records would travel; hot keys in `windowAll`, where all records have one
   * key; else, where named fields alone travel, "underPressure", as aggregating costs more than sending them. Sums of
   * fractions may differ in their last bits.
   */
  readonly preAggregate?: PreAggregate;
}

export function keptType({ schema }: { readonly schema?: ValueSchema<unknown> }): { readonly type?: TypeDescription } {
  return schema === undefined ? {} : { type: describeSchema(schema) };
}

/** @throws PARALLELISM for one that the sink cannot have. */
export function sinkOptions<T>(sink: Sink<T>, options: OperatorOptions): OperatorOptions {
  const { name = sink.name, parallelism = sink.parallelism } = options;
  if (sink.parallelism !== undefined && parallelism !== sink.parallelism)
    throw new MillraceError(
      "PARALLELISM",
      `sink "${sink.name}" can only have parallelism ${sink.parallelism}, not ${parallelism}`,
      { operator: sink.name },
    );
  return { ...options, name, ...(parallelism === undefined ? {} : { parallelism }) };
}

function checkedMaxRows(maxRows: number, operator: string): number {
  if (Number.isInteger(maxRows) && maxRows >= 1) return maxRows;
  const message = `maxRows of "${operator}" is ${maxRows}; it must be a whole number of at least 1`;
  throw new MillraceError("BAD_OPTION", message, { operator });
}

export function keySelector<T>(by: string | readonly string[] | ((value: T) => Key)): KeySelector<T> {
  if (typeof by === "function") return Object.freeze({ select: by, fields: undefined });
  if (typeof by === "string") return Object.freeze({ select: readField(by) as (value: T) => Key, fields: [by] });
  const fields = Object.freeze([...by]);
  return Object.freeze({ select: readFields(fields) as (value: T) => Key, fields });
}

/** @throws BAD_OPTION, BAD_DURATION */
export function batchFunction<O>(name: string, options: MapBatchesOptions<O>): BatchFunction {
  const { schema, maxRows = ARROW_BATCH_ROWS, rowWise = false, timeout, process, open, close } = options;
  return Object.freeze({
    schema: Object.freeze({ ...schema }),
    maxRows: checkedMaxRows(maxRows, name),
    rowWise,
    timeoutMs: timeout === undefined ? ASYNC_TIMEOUT_MS : positiveDurationMs(timeout, `timeout of "${name}"`),
    call: boundMethod(options, process),
    open: open && boundMethod(options, open),
    close: close && boundMethod(options, close),
  });
}

/** Upserts of a key go to one writer, unless the program has said where records go. */
export function inputsOfSink(
  origins: readonly EdgeSpec[],
  upsertKey: KeySelector<never> | undefined,
): readonly EdgeSpec[] {
  if (upsertKey === undefined) return origins;
  const partitioning = Object.freeze({ kind: "hash" as const, key: upsertKey as KeySelector });
  return origins.map((origin) => (origin.partitioning.kind === "forward" ? { ...origin, partitioning } : origin));
}

export function repartitioned(origins: readonly EdgeSpec[], partitioning: Partitioning): readonly EdgeSpec[] {
  return origins.map((origin) => ({ ...origin, partitioning: Object.freeze(partitioning) }));
}

/** @throws FOREIGN_STREAM for streams of two builds. `done`: what was to be done with them. */
export function checkSameJob(env: Environment, other: Environment, done: string): void {
  if (other === env) return;
  throw new MillraceError(
    "FOREIGN_STREAM",
    `a stream of job "${other.jobName}" was ${done} with one of job "${env.jobName}"; streams of one build of one job only can be combined`,
  );
}

/** The one edge by which an operator's output comes. @throws BAD_OPTION for a union or a partitioned stream */
export function soleOrigin([origin, second]: readonly EdgeSpec[], call: string): EdgeSpec {
  if (origin !== undefined && second === undefined && origin.partitioning.kind === "forward") return origin;
  throw new MillraceError(
    "BAD_OPTION",
    `${call} must be called on the stream that an operator returned, not on a union or a partitioned stream`,
  );
}
