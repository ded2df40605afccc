/** Joins by event time, interval joins and temporal ones: what a program says of them, checked. */

import type { OperatorOptions } from "./environment.ts";
import { MillraceError } from "./errors.ts";
import { type JoinFunctions, type JoinType, keepsUnmatched, type Preserved, preservedBy } from "./join.ts";
import type { KeyPair } from "./node.ts";
import type { OutputTag } from "./side-output.ts";
import { type Duration, positiveDurationMs, signedDurationMs } from "./time.ts";
import { boundMethod, checkFunctions } from "./user-function.ts";

export interface IntervalJoinOptions<L, R, J extends JoinType, O> extends OperatorOptions, JoinFunctions<L, R, J, O> {
  /** Default: "inner". */
  readonly type?: J;
  /** How much later a record of the second stream is than one of the first at the least; "-5m": up to five minutes earlier. */
  readonly lower: Duration;
  /** How much later at the most. */
  readonly upper: Duration;
  /** The bounds themselves match, unless this is true. */
  readonly lowerExclusive?: boolean;
  readonly upperExclusive?: boolean;
  /** Get the records that came behind the watermark; without them they are only counted, as "lateRecords". */
  readonly lateLeft?: OutputTag<L>;
  readonly lateRight?: OutputTag<R>;
}

// biome-ignore-start lint/suspicious/noExplicitAny: nodes forget element types, which the fluent API has checked
export interface IntervalJoinSpec {
  readonly kind: "intervalJoin";
  readonly keys: KeyPair;
  readonly preserved: Preserved;
  readonly lowerMs: number;
  readonly upperMs: number;
  readonly lowerExclusive: boolean;
  readonly upperExclusive: boolean;
  readonly on: ((left: any, right: any) => boolean) | undefined;
  readonly join: (left: any, right: any) => unknown;
  readonly lateLeft: OutputTag<any> | undefined;
  readonly lateRight: OutputTag<any> | undefined;
}
// biome-ignore-end lint/suspicious/noExplicitAny: see above

/** @throws BAD_OPTION, BAD_DURATION, PROMISE_RETURNED */
export function intervalJoinSpec<L, R, J extends JoinType, O>(
  name: string,
  keys: KeyPair,
  options: IntervalJoinOptions<L, R, J, O>,
): IntervalJoinSpec {
  checkFunctions(name, options, ["join"], ["on"]);
  const { lowerExclusive = false, upperExclusive = false } = options;
  const lowerMs = signedDurationMs(options.lower, `lower of "${name}"`);
  const upperMs = signedDurationMs(options.upper, `upper of "${name}"`);
  const empty = lowerMs > upperMs || (lowerMs === upperMs && (lowerExclusive || upperExclusive));
  if (empty)
    throw new MillraceError(
      "BAD_OPTION",
      `the interval of "${name}" is empty: lower is ${lowerMs} ms, upper is ${upperMs} ms; lower must not be above upper`,
      { operator: name },
    );
  return {
    kind: "intervalJoin",
    ...{ keys, lowerMs, upperMs, lowerExclusive, upperExclusive },
    preserved: preservedBy(options.type ?? "inner", name),
    on: options.on && boundMethod(options, options.on),
    join: boundMethod(options, options.join as IntervalJoinSpec["join"]),
    lateLeft: options.lateLeft,
    lateRight: options.lateRight,
  };
}

export interface TemporalJoinOptions<L, R, J extends "inner" | "left", O> extends OperatorOptions {
  /** Whether a record whose key had no row at its time is dropped, which is the default, or joined with undefined. */
  readonly type?: J;
  /** Whether a row says that its key has none from its time on. Default: none does. */
  deleted?(row: R): boolean;
  /**
   * For how long a row counts, from its time on: a record that is later than that by more has none. What no record can need
   * any more is forgotten. Default "forever": the latest row of each key is kept however old it is.
   */
  readonly keep?: Duration | "forever";
  join(left: L, row: R | (J extends "left" ? undefined : never)): O;
  /** Gets the records of the first stream that came behind the watermark; without it they are only counted. */
  readonly late?: OutputTag<L>;
}

// biome-ignore-start lint/suspicious/noExplicitAny: nodes forget element types, which the fluent API has checked
export interface TemporalJoinSpec {
  readonly kind: "temporalJoin";
  readonly keys: KeyPair;
  readonly keepsUnmatched: boolean;
  readonly deleted: ((row: any) => boolean) | undefined;
  /** Infinity: rows count until others replace them. */
  readonly keepMs: number;
  readonly join: (left: any, row: any) => unknown;
  readonly late: OutputTag<any> | undefined;
}
// biome-ignore-end lint/suspicious/noExplicitAny: see above

/** @throws BAD_OPTION, PROMISE_RETURNED */
export function temporalJoinSpec<L, R, J extends "inner" | "left", O>(
  name: string,
  keys: KeyPair,
  options: TemporalJoinOptions<L, R, J, O>,
): TemporalJoinSpec {
  checkFunctions(name, options, ["join"], ["deleted"]);
  const { keep = "forever" } = options;
  return {
    kind: "temporalJoin",
    keys,
    keepsUnmatched: keepsUnmatched(options.type, name),
    keepMs: keep === "forever" ? Number.POSITIVE_INFINITY : positiveDurationMs(keep, `keep of "${name}"`),
    deleted: options.deleted && boundMethod(options, options.deleted),
    join: boundMethod(options, options.join) as TemporalJoinSpec["join"],
    late: options.late,
  };
}
