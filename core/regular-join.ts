/** Regular joins, of all rows of two streams that are remembered: what a program says of them, checked. */

import type { Change } from "./changelog.ts";
import type { OperatorOptions } from "./environment.ts";
import { type JoinFunctions, type JoinType, type Preserved, preservedBy } from "./join.ts";
import type { Key } from "./key.ts";
import type { KeyPair } from "./node.ts";
import {
  type ListStateDescriptor,
  listState,
  type MapStateDescriptor,
  mapState,
  packed,
  type StateDeclaration,
  type StateDescriptor,
  withTtl,
} from "./state.ts";
import { type Duration, positiveDurationMs } from "./time.ts";
import { boundMethod, checkFunctions } from "./user-function.ts";

export interface RegularJoinOptions<L, R, J extends JoinType, O> extends OperatorOptions, JoinFunctions<L, R, J, O> {
  /** Default: "inner". */
  readonly type?: J;
  /**
   * For how long a row is remembered after it came, or, where it is emitted without a match too, after its first match came
   * (of changelogs, after its matches have changed); "forever" for what is bounded or deleted. What is forgotten matches no more; results that it has made stay.
   */
  readonly keep: Duration | "forever";
  /** Which time that is: by the wall clock, which is the default, or by event time. */
  readonly time?: "processing" | "event";
}

export interface ChangesJoinOptions<L, R, J extends JoinType, O> extends RegularJoinOptions<L, R, J, O> {
  /** What tells rows of one key apart, so that one that is inserted replaces the one before it. Default: all of a row. */
  leftRow?(row: L): Key;
  rightRow?(row: R): Key;
}

/** An outer join takes back what it has emitted without a match when one comes. */
export type RegularJoined<J extends JoinType, O> = J extends "inner" ? O : Change<O>;

/** A row as a join remembers it. */
export interface JoinRow {
  readonly row: unknown;
  /** How often it is there: rows without a key of their own may be alike. */
  readonly copies: number;
  /**
   * How many copies of rows of the other input match it, where rows of its own input are preserved: 0, or more; counted where
   * one that goes may leave it without any.
   */
  readonly matches: number;
}

// biome-ignore-start lint/suspicious/noExplicitAny: nodes forget element types, which the fluent API has checked
export interface RegularJoinSpec {
  readonly kind: "regularJoin";
  readonly keys: KeyPair;
  readonly preserved: Preserved;
  /** Whether both inputs are changelogs; otherwise their records are rows that are inserted. */
  readonly ofChanges: boolean;
  readonly on: ((left: any, right: any) => boolean) | undefined;
  readonly join: (left: any, right: any) => unknown;
  readonly leftRow: ((row: any) => Key) | undefined;
  readonly rightRow: ((row: any) => Key) | undefined;
  readonly keepText: string;
  readonly state: StateDeclaration & Readonly<Record<"left" | "right", MapStateDescriptor<any, any>>>;
}

/** Of rows that are only inserted and of which nothing is emitted without a match. */
export interface InnerJoinSpec {
  readonly kind: "innerJoin";
  readonly keys: KeyPair;
  readonly on: ((left: any, right: any) => boolean) | undefined;
  readonly join: (left: any, right: any) => unknown;
  readonly keepText: string;
  readonly state: StateDeclaration & Readonly<Record<"left" | "right", ListStateDescriptor<any>>>;
}
// biome-ignore-end lint/suspicious/noExplicitAny: see above

// biome-ignore lint/suspicious/noExplicitAny: as above
type AnyOptions = ChangesJoinOptions<any, any, JoinType, unknown>;

/** @throws BAD_OPTION, BAD_DURATION, PROMISE_RETURNED */
export function rowsJoinSpec<L, R, J extends JoinType, O>(
  name: string,
  keys: KeyPair,
  options: RegularJoinOptions<L, R, J, O>,
): RegularJoinSpec | InnerJoinSpec {
  if ((options.type ?? "inner") !== "inner")
    return { ...regularJoin(name, keys, options as AnyOptions), ofChanges: false };
  const rows = packed(kept(listState<unknown>(), name, options));
  return {
    kind: "innerJoin",
    keys,
    ...functionsOf(name, options as AnyOptions),
    state: Object.freeze({ left: rows, right: rows }),
  };
}

/** @throws BAD_OPTION, BAD_DURATION, PROMISE_RETURNED */
export function changesJoinSpec<L, R, J extends JoinType, O>(
  name: string,
  keys: KeyPair,
  options: ChangesJoinOptions<L, R, J, O>,
): RegularJoinSpec {
  return { ...regularJoin(name, keys, options as AnyOptions), ofChanges: true };
}

function regularJoin(name: string, keys: KeyPair, options: AnyOptions): Omit<RegularJoinSpec, "ofChanges"> {
  const { leftRow, rightRow } = options;
  checkFunctions(name, options, [], ["leftRow", "rightRow"]);
  const rows = kept(mapState<Key, JoinRow>(), name, options);
  return {
    ...{ kind: "regularJoin", keys, ...functionsOf(name, options) },
    leftRow: leftRow && boundMethod(options, leftRow),
    rightRow: rightRow && boundMethod(options, rightRow),
    preserved: preservedBy(options.type ?? "inner", name),
    state: Object.freeze({ left: rows, right: rows }),
  };
}

function functionsOf(name: string, options: AnyOptions): Pick<RegularJoinSpec, "on" | "join" | "keepText"> {
  const { on, join, keep } = options;
  checkFunctions(name, options, ["join"], ["on"]);
  const age = typeof keep === "string" ? keep : JSON.stringify(keep);
  return {
    on: on && boundMethod(options, on),
    join: boundMethod(options, join),
    keepText: keep === "forever" ? "kept forever" : `kept for ${age}`,
  };
}

function kept<D extends StateDescriptor>(rows: D, name: string, { keep, time = "processing" }: AnyOptions): D {
  if (keep === "forever") return rows;
  positiveDurationMs(keep, `keep of "${name}", if it is not "forever",`);
  return withTtl(rows, keep, { time });
}
