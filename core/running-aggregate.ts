/** Running aggregates: of all records of each key so far, or of all rows of a changelog. What the calls take, and their nodes. */

import type { Aggregate } from "./aggregate.ts";
import { countsValues, type Retracting, retracting } from "./aggregates/combine.ts";
import { type Change, type ChangesEmit, checkChangesEmit } from "./changelog.ts";
import type { OperatorOptions } from "./environment.ts";
import { MillraceError } from "./errors.ts";
import type { Key, KeySelector } from "./key.ts";
import { mapState, type StateDeclaration, valueState } from "./state.ts";
import { type KeptOptions, keptType } from "./stream-options.ts";
import type { TypeDescription, ValueSchema } from "./types.ts";

/** What an aggregate makes of all records of a key so far. */
export interface KeyedResult<K, R> {
  readonly key: K;
  readonly value: R;
}

export interface RunningAggregateOptions<A, Emit extends "results" | "changes" = "results" | "changes">
  extends KeptOptions<A> {
  /**
   * "results", the default: the new result with every record. "changes": a changelog of one row for each key, where a record
   * that leaves the result as it was, compared by Object.is, changes nothing.
   */
  readonly emit?: Emit;
}

export type RunningResult<K, R, Emit> = Emit extends "changes" ? Change<KeyedResult<K, R>> : KeyedResult<K, R>;

export interface RunningAggregateSpec {
  readonly kind: "aggregate";
  readonly key: KeySelector;
  // biome-ignore lint/suspicious/noExplicitAny: nodes forget element types, which the fluent API has checked
  readonly aggregate: Aggregate<any, any, any>;
  readonly emit: "results" | "changes";
  /** What accumulators are, where the program says so. */
  readonly type?: TypeDescription;
}

/** @throws BAD_OPTION */
export function runningAggregateSpec(
  name: string,
  key: KeySelector,
  aggregate: RunningAggregateSpec["aggregate"],
  options: { readonly emit?: "results" | "changes"; readonly schema?: ValueSchema<unknown> },
): RunningAggregateSpec {
  const { emit = "results" } = options;
  if (emit !== "results" && emit !== "changes") {
    const message = `aggregate "${name}" expects emit to be "results" or "changes", got ${JSON.stringify(emit)}`;
    throw new MillraceError("BAD_OPTION", message, { operator: name });
  }
  return { kind: "aggregate", key, aggregate, emit, ...keptType(options) };
}

/** The fields that key and aggregate read, when they are known: only these travel. */
export function fieldsRead({ key, aggregate }: RunningAggregateSpec): readonly string[] | undefined {
  const { fields } = aggregate;
  return fields === undefined || key.fields === undefined ? undefined : [...new Set([...key.fields, ...fields])];
}

export interface AggregateChangesOptions extends OperatorOptions {
  /**
   * "changes", the default, or "upserts": the same without rows as they were before an update, for what puts a row in the
   * place of the one with its key.
   */
  readonly emit?: ChangesEmit;
}

export interface AggregateChangesSpec {
  readonly kind: "aggregateChanges";
  readonly key: KeySelector;
  readonly emit: ChangesEmit;
  readonly retracting: Retracting;
  readonly state: StateDeclaration;
}

/** How the state is called that says how often each value of part `at` is there. */
export function valuesOfPart(at: number): string {
  return `values${at}`;
}

/** @throws BAD_OPTION */
export function aggregateChangesSpec(
  name: string,
  key: KeySelector,
  // biome-ignore lint/suspicious/noExplicitAny: nodes forget element types, which the fluent API has checked
  aggregate: Aggregate<any, any, any>,
  { emit = "changes" }: AggregateChangesOptions,
): AggregateChangesSpec {
  checkChangesEmit("aggregateChanges", name, emit);
  const taken = retracting(name, aggregate);
  const values = taken.parts.flatMap((part, at) =>
    countsValues(part) ? [[valuesOfPart(at), mapState<Key, number>()] as const] : [],
  );
  const state = Object.freeze({ sums: valueState<unknown>(), ...Object.fromEntries(values) });
  return { kind: "aggregateChanges", key, emit, retracting: taken, state };
}
