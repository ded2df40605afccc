/**
 * Changelogs: streams whose records are changes to a table. A record says what happens to a row, in the kinds of Flink's
 * RowKind; one after the other they make the table.
 *
 * The law: an update is `updateBefore` with the old row and right behind it `updateAfter` with the new one, by the same
 * subtask. Changes of a row keep their order as long as they are partitioned by fields that tell rows apart. A stream
 * that only inserts is no changelog: its records stand for themselves and cost nothing more.
 */

import type { OperatorOptions } from "./environment.ts";
import { MillraceError } from "./errors.ts";
import type { KeySelector } from "./key.ts";
import { type StateDeclaration, valueState, withTtl } from "./state.ts";
import type { Duration } from "./time.ts";
import { checkFunctions } from "./user-function.ts";

export const changeKinds = ["insert", "updateBefore", "updateAfter", "delete"] as const;

/** What happens to a row. */
export type ChangeKind = (typeof changeKinds)[number];

export interface Change<T> {
  readonly kind: ChangeKind;
  /** The row: of `updateBefore` and `delete` as it was, otherwise as it is from now on. */
  readonly value: T;
}

/** A row with its place in an order; 1 is the first. */
export interface Ranked<T> {
  readonly rank: number;
  readonly value: T;
}

/** The row is new. */
export function inserted<T>(value: T): Change<T> {
  return { kind: "insert", value };
}

/** The row, as it was, is about to be replaced. */
export function updatedFrom<T>(value: T): Change<T> {
  return { kind: "updateBefore", value };
}

/** The row, as it is now, has replaced another. */
export function updatedTo<T>(value: T): Change<T> {
  return { kind: "updateAfter", value };
}

/** The row, as it was, is gone. */
export function deleted<T>(value: T): Change<T> {
  return { kind: "delete", value };
}

/** Whether the change puts its row into the table: `insert` and `updateAfter`. The other kinds take it out. */
export function addsRow({ kind }: Change<unknown>): boolean {
  return kind === "insert" || kind === "updateAfter";
}

/** The same of what a program has given for a change. @throws WRONG_SHAPE for what is none, which would take rows out. */
export function checkedAddsRow(change: Change<unknown>, operator: string): boolean {
  if (addsRow(change)) return true;
  if (change.kind === "delete" || change.kind === "updateBefore") return false;
  throw new MillraceError(
    "WRONG_SHAPE",
    `"${operator}" reads changes, but got a record whose kind is ${JSON.stringify(change.kind)}; make a changelog of it by toChangelog, or of each record by inserted(record)`,
    { operator },
  );
}

/** Whether the change matters where rows have a key that updates keep: all but `updateBefore` do. */
export function isUpsert({ kind }: Change<unknown>): boolean {
  return kind !== "updateBefore";
}

const shortKinds: Readonly<Record<ChangeKind, string>> = {
  insert: "+I",
  updateBefore: "-U",
  updateAfter: "+U",
  delete: "-D",
};

/** The kind as Flink abbreviates it: +I, -U, +U or -D. */
export function shortKind(kind: ChangeKind): string {
  return shortKinds[kind];
}

/**
 * The table that changes make, as a map from each row's key to the row, in the order of first insertion. What changes a key
 * does so in order; changes of different keys may come in any.
 *
 *   materialise(handle.collect("totals"), (row) => row.item)
 */
export function materialise<T, K extends string | number | bigint | boolean>(
  changes: Iterable<Change<T>>,
  keyOf: (row: T) => K,
): Map<K, T> {
  const table = new Map<K, T>();
  for (const change of changes) {
    const key = keyOf(change.value);
    if (addsRow(change)) table.set(key, change.value);
    else if (change.kind === "delete") table.delete(key);
  }
  return table;
}

export interface ChangelogOptions<T> extends OperatorOptions {
  /** Whether a record says that its key's row is gone, as a tombstone does. Default: none does. */
  readonly deleted?: (value: T) => boolean;
  /** Whether a record says nothing new, given the row that it would replace: then nothing comes out. Default: never. */
  readonly unchanged?: (before: Readonly<T>, after: T) => boolean;
  /** For how long a row is remembered after it was written, by the wall clock. Default: until it is deleted. */
  readonly ttl?: Duration;
}

/** What of a changelog comes out: all of it, or all but rows as they were before an update. */
export type ChangesEmit = "changes" | "upserts";

/** @throws BAD_OPTION */
export function checkChangesEmit(call: string, operator: string, emit: unknown): void {
  if (emit === "changes" || emit === "upserts") return;
  const message = `${call} "${operator}" expects emit to be "changes" or "upserts", got ${JSON.stringify(emit)}`;
  throw new MillraceError("BAD_OPTION", message, { operator });
}

/** Makes a changelog of upserts. */
export interface ChangelogSpec {
  readonly kind: "changelog";
  readonly key: KeySelector;
  readonly deleted: ((value: unknown) => boolean) | undefined;
  readonly unchanged: ((before: unknown, after: unknown) => boolean) | undefined;
  readonly state: StateDeclaration;
}

/** @throws BAD_DURATION, PROMISE_RETURNED */
export function changelogSpec<T>(name: string, key: KeySelector, options: ChangelogOptions<T>): ChangelogSpec {
  checkFunctions(name, options, [], ["deleted", "unchanged"]);
  const { deleted, unchanged, ttl } = options;
  const row = valueState<unknown>();
  return {
    ...{ kind: "changelog", key },
    deleted: deleted as ChangelogSpec["deleted"],
    unchanged: unchanged as ChangelogSpec["unchanged"],
    state: Object.freeze({ row: ttl === undefined ? row : withTtl(row, ttl) }),
  };
}
