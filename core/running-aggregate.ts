/** Running aggregates: of all records of each key so far. What the call takes, and the node that it makes. */

import type { Aggregate } from "./aggregate.ts";
import type { Change } from "./changelog.ts";
import { MillraceError } from "./errors.ts";
import type { KeySelector } from "./key.ts";
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
