/** Temporal joins, with a table as it was at each record's time: what a program says of them, checked. */

import type { OperatorOptions } from "./environment.ts";
import { preservedBy } from "./join.ts";
import type { KeyPair } from "./node.ts";
import type { OutputTag } from "./side-output.ts";
import { boundMethod, isAsyncFunction, promiseReturned } from "./user-function.ts";

export interface TemporalJoinOptions<L, R, J extends "inner" | "left", O> extends OperatorOptions {
  /** Whether a record whose key had no row at its time is dropped, which is the default, or joined with undefined. */
  readonly type?: J;
  /** Whether a row says that its key has none from its time on. Default: none does. */
  deleted?(row: R): boolean;
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
  for (const part of ["deleted", "join"] as const)
    if (isAsyncFunction(options[part])) throw promiseReturned(name, part);
  return {
    kind: "temporalJoin",
    keys,
    keepsUnmatched: preservedBy(options.type ?? "inner", name).left,
    deleted: options.deleted && boundMethod(options, options.deleted),
    join: boundMethod(options, options.join) as TemporalJoinSpec["join"],
    late: options.late,
  };
}
