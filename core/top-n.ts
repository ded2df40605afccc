/** Top-N: the best records of each key, or rows of a changelog. What the calls take, and the nodes that they make. */

import { type Change, type ChangesEmit, checkChangesEmit, type Ranked } from "./changelog.ts";
import type { OperatorOptions } from "./environment.ts";
import { MillraceError } from "./errors.ts";
import type { Key, KeySelector } from "./key.ts";
import { TOP_N_MAX } from "./limits.ts";
import { readField } from "./pick-fields.ts";
import { mapState, packed, type StateDeclaration, type StateDescriptor, valueState, withTtl } from "./state.ts";
import type { Duration } from "./time.ts";

/** What records can be ordered by. */
export type Score = number | bigint | string | Date;

type ScoreFields<T> = { [name in keyof T]: T[name] extends Score ? name : never }[keyof T] & string;

/** A field's name, or a function of the record. */
export type ScoreOf<T> = ScoreFields<T> | ((value: T) => Score);

export interface TopNOptions<
  T,
  By extends ScoreOf<T> = ScoreOf<T>,
  Ranks extends boolean = boolean,
  Emit extends "changes" | "upserts" | "watermark" = "changes" | "upserts" | "watermark",
> extends OperatorOptions {
  /** How many records of a key, up to 10,000. */
  readonly n: number;
  /** What they are ordered by. Of equal ones the earlier comes first. */
  readonly by: By;
  /** Whether the best are the largest, which is the default, or the smallest. */
  readonly order?: "descending" | "ascending";
  /**
   * Whether rows say at which place they stand. Then one new record may move all those behind it, each of which is an
   * update; without, it is an insertion and at most one deletion. Default false.
   */
  readonly ranks?: Ranks;
  /**
   * "changes", the default: what every record changes, at once. "upserts": the same without rows as they were before an
   * update, for what puts a row in the place of the one with its rank or id. "watermark": of each key and timestamp the best
   * records, once the watermark has passed; for results of windows, which share a timestamp. Later ones are late.
   */
  readonly emit?: Emit;
  /**
   * Tells which records are versions of one row: a later one replaces the row. Absent: each record is a row of its own.
   * All rows of a key are kept then, unless `improving`. Not for `emit: "watermark"`.
   */
  readonly id?: (value: T) => Key;
  /**
   * With `id`: promises that a later version of a row is never worse, as with a running count. Then only the best n
   * are kept.
   */
  readonly improving?: boolean;
  /** For how long a key's rows are kept after the last change of its best, by the wall clock. Default: for ever. */
  readonly ttl?: Duration;
}

export type TopRow<T, Ranks> = Ranks extends true ? Ranked<T> : T;
export type TopNResult<T, Ranks, Emit> = Emit extends "watermark" ? TopRow<T, Ranks> : Change<TopRow<T, Ranks>>;

export interface TopNSpec {
  readonly kind: "topN";
  readonly key: KeySelector;
  readonly n: number;
  readonly scoreOf: (value: unknown) => Score;
  /** The field that `scoreOf` reads, where it was named. */
  readonly by: string | undefined;
  readonly descending: boolean;
  readonly ranks: boolean;
  readonly emit: "changes" | "upserts" | "watermark";
  readonly id: ((value: unknown) => Key) | undefined;
  /** Whether rows that are not among the best are kept, as they may come to be. */
  readonly keepsOthers: boolean;
  readonly state: StateDeclaration;
}

/** @throws BAD_OPTION, BAD_DURATION */
export function topNSpec<T>(name: string, key: KeySelector, options: TopNOptions<T>): TopNSpec {
  const { n, by, order = "descending", ranks = false, emit = "changes", id, improving = false, ttl } = options;
  const wrong = (problem: string): MillraceError =>
    new MillraceError("BAD_OPTION", `topN "${name}": ${problem}`, { operator: name });
  if (!Number.isInteger(n) || n < 1 || n > TOP_N_MAX) throw wrong(`n is ${n}; it must be from 1 to ${TOP_N_MAX}`);
  if (order !== "descending" && order !== "ascending")
    throw wrong(`order must be "descending" or "ascending", got ${JSON.stringify(order)}`);
  if (emit !== "changes" && emit !== "upserts" && emit !== "watermark")
    throw wrong(`emit must be "changes", "upserts" or "watermark", got ${JSON.stringify(emit)}`);
  if (id === undefined && improving) throw wrong("improving says how rows change, which id tells apart; give id too");
  if (emit === "watermark" && (id !== undefined || ttl !== undefined))
    throw wrong('id and ttl are of rows that change later; with emit "watermark" none does');
  const keepsOthers = id !== undefined && !improving;
  const ageing = <D extends StateDescriptor>(state: D): D => (ttl === undefined ? state : withTtl(state, ttl));
  return {
    ...{ kind: "topN", key, n, ranks, emit, keepsOthers },
    scoreOf:
      typeof by === "function" ? (by as (value: unknown) => Score) : (readField(by) as (value: unknown) => Score),
    by: typeof by === "function" ? undefined : by,
    descending: order === "descending",
    id: id as ((value: unknown) => Key) | undefined,
    state: Object.freeze(
      emit === "watermark"
        ? { times: mapState<number, readonly unknown[]>() }
        : {
            best: packed(ageing(valueState<readonly unknown[]>())),
            ...(keepsOthers ? { others: ageing(mapState<Key, unknown>()) } : {}),
          },
    ),
  };
}

/** As of `topN`; rows stay until the changelog takes them out. */
export interface TopNChangesOptions<T, By extends ScoreOf<T> = ScoreOf<T>, Ranks extends boolean = boolean>
  extends OperatorOptions,
    Pick<TopNOptions<T, By, Ranks>, "n" | "by" | "order" | "ranks"> {
  readonly emit?: ChangesEmit;
  /**
   * What tells rows of one key apart, so that one that is inserted replaces the one before it and an update is one change.
   * Default: all of a row, and rows that are alike are counted.
   */
  readonly id?: (value: T) => Key;
}

export interface TopNChangesSpec
  extends Pick<TopNSpec, "key" | "n" | "scoreOf" | "by" | "descending" | "ranks" | "id"> {
  readonly kind: "topNChanges";
  readonly emit: ChangesEmit;
  readonly state: StateDeclaration;
}

/** @throws BAD_OPTION */
export function topNChangesSpec<T>(name: string, key: KeySelector, options: TopNChangesOptions<T>): TopNChangesSpec {
  const { emit = "changes", ...ordered } = options;
  checkChangesEmit("topNChanges", name, emit);
  const { kind: _, keepsOthers: __, ...spec } = topNSpec<T>(name, key, ordered);
  const state = Object.freeze({ best: packed(valueState<unknown>()), others: mapState<string, unknown>() });
  return { ...spec, kind: "topNChanges", emit, state };
}

/** Where the row goes in rows that are in order: behind those that are as good. */
export function placeFor<T>(isBetter: (row: T, other: T) => boolean, rows: readonly T[], row: T): number {
  let from = 0;
  let to = rows.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (isBetter(row, rows[middle] as T)) to = middle;
    else from = middle + 1;
  }
  return from;
}
