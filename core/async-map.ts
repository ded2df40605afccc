/** Calls that wait, many at a time: what a program says of them, checked. */

import type { OperatorOptions } from "./environment.ts";
import { MillraceError } from "./errors.ts";
import { keepsUnmatched } from "./join.ts";
import type { Key } from "./key.ts";
import { ASYNC_CAPACITY, ASYNC_CAPACITY_MAX, ASYNC_TIMEOUT_MS, LOOKUP_CACHE_ENTRIES_MAX } from "./limits.ts";
import type { RuntimeContext } from "./operator.ts";
import { type Duration, positiveDurationMs } from "./time.ts";
import { boundMethod, checkFunctions } from "./user-function.ts";

/** What an asynchronous function gets beside the record. */
export interface AsyncContext {
  /** 1 at the first call for a record, one more at each retry. */
  readonly attempt: number;
  /** The record's event time in epoch milliseconds, or NO_TIMESTAMP. */
  readonly timestamp: number;
  /** Aborted when the call has taken too long, or when the job ends: give it to `fetch` and the like. */
  readonly signal: AbortSignal;
  readonly runtime: RuntimeContext;
}

export interface RetryOptions {
  /** Calls for a record altogether, the first included. */
  readonly attempts: number;
  /** The wait before the second call. Default "100ms". */
  readonly backoff?: Duration;
  /** How many times longer each further wait is. Default 2. */
  readonly factor?: number;
  /** The longest wait. Default "10s". */
  readonly max?: Duration;
  /** How much longer or shorter a wait may be at random, as a share of it. Default 0.1. */
  readonly jitter?: number;
  /** Whether a failure may pass. Default: each may. */
  when?(error: unknown): boolean;
}

export interface AsyncOptions<T, O> extends OperatorOptions {
  /** How many records may be under way at a time; more input waits. Default 100. */
  readonly capacity?: number;
  /** Whether results keep the order of the records; otherwise each comes as soon as it is there. Default true. */
  readonly ordered?: boolean;
  /** How long one call may take. Default "60s". */
  readonly timeout?: Duration;
  readonly retry?: RetryOptions;
  /** The result in place of a call that has failed for good. Without it the job fails. */
  onFailure?(error: unknown, value: T): O;
  open?(context: RuntimeContext): void | Promise<void>;
  close?(): void | Promise<void>;
}

export interface LookupOptions<T, K extends Key, V, J extends "inner" | "left", O>
  extends AsyncOptions<T, V | undefined> {
  /** By what a record looks something up. */
  key(value: T): K;
  /** What there is under the key; undefined: nothing. */
  load(key: K, context: AsyncContext): Promise<V | undefined> | V | undefined;
  /** Whether a record for which there is nothing is dropped, which is the default, or joined with undefined. */
  readonly type?: J;
  join(value: T, found: V | (J extends "left" ? undefined : never)): O;
  /** What was looked up is remembered, by each subtask: so many keys at the most, each for so long. Default: nothing is. */
  readonly cache?: { readonly entries: number; readonly ttl: Duration };
}

// biome-ignore-start lint/suspicious/noExplicitAny: nodes forget element types, which the fluent API has checked
export interface AsyncMapSpec {
  readonly kind: "asyncMap";
  readonly call: (value: any, context: AsyncContext) => unknown;
  readonly options: AsyncSpec;
}

export interface LookupSpec {
  readonly kind: "lookupJoin";
  readonly keyOf: (value: any) => Key;
  readonly load: (key: any, context: AsyncContext) => unknown;
  readonly join: (value: any, found: any) => unknown;
  readonly keepsUnmatched: boolean;
  readonly cache: { readonly entries: number; readonly ttlMs: number } | undefined;
  readonly options: AsyncSpec;
}

/** How calls are made. */
export interface AsyncSpec {
  readonly capacity: number;
  readonly ordered: boolean;
  readonly timeoutMs: number;
  readonly retry: RetrySpec;
  readonly onFailure: ((error: unknown, value: any) => unknown) | undefined;
  readonly open: ((context: RuntimeContext) => void | Promise<void>) | undefined;
  readonly close: (() => void | Promise<void>) | undefined;
}
// biome-ignore-end lint/suspicious/noExplicitAny: see above

export interface RetrySpec {
  readonly attempts: number;
  readonly backoffMs: number;
  readonly factor: number;
  readonly maxMs: number;
  readonly jitter: number;
  readonly when: ((error: unknown) => boolean) | undefined;
}

/** @throws BAD_OPTION, BAD_DURATION */
export function asyncMapSpec<T, O>(
  name: string,
  fn: (value: T, context: AsyncContext) => O | Promise<O>,
  options: AsyncOptions<T, O>,
): AsyncMapSpec {
  if (typeof fn !== "function") throw badOption(name, "its function", fn, "a function");
  return { kind: "asyncMap", call: fn, options: asyncSpec(name, options) };
}

/** @throws BAD_OPTION, BAD_DURATION */
export function lookupSpec<T, K extends Key, V, J extends "inner" | "left", O>(
  name: string,
  options: LookupOptions<T, K, V, J, O>,
): LookupSpec {
  const { cache } = options;
  if (typeof options.load !== "function") throw badOption(name, "load", options.load, "a function");
  checkFunctions(name, options, ["key", "join"]);
  return {
    kind: "lookupJoin",
    keyOf: boundMethod(options, options.key),
    load: boundMethod(options, options.load),
    join: boundMethod(options, options.join) as LookupSpec["join"],
    keepsUnmatched: keepsUnmatched(options.type, name),
    cache: cache && {
      entries: checked(name, "cache.entries", cache.entries, 1, LOOKUP_CACHE_ENTRIES_MAX),
      ttlMs: positiveDurationMs(cache.ttl, `cache.ttl of "${name}"`),
    },
    options: asyncSpec(name, options),
  };
}

function asyncSpec<T, O>(name: string, options: AsyncOptions<T, O>): AsyncSpec {
  const { capacity = ASYNC_CAPACITY, ordered = true, timeout, onFailure, open, close } = options;
  if (typeof ordered !== "boolean") throw badOption(name, "ordered", ordered, "true or false");
  return Object.freeze({
    capacity: checked(name, "capacity", capacity, 1, ASYNC_CAPACITY_MAX),
    ordered,
    timeoutMs: timeout === undefined ? ASYNC_TIMEOUT_MS : positiveDurationMs(timeout, `timeout of "${name}"`),
    retry: retrySpec(name, options.retry),
    onFailure: onFailure && boundMethod(options, onFailure),
    open: open && boundMethod(options, open),
    close: close && boundMethod(options, close),
  });
}

function retrySpec(name: string, retry: RetryOptions = { attempts: 1 }): RetrySpec {
  const { attempts, backoff = "100ms", factor = 2, max = "10s", jitter = 0.1, when } = retry;
  if (!(factor >= 1)) throw badOption(name, "retry.factor", factor, "at least 1");
  if (!(jitter >= 0 && jitter <= 1)) throw badOption(name, "retry.jitter", jitter, "from 0 to 1");
  return Object.freeze({
    attempts: checked(name, "retry.attempts", attempts, 1, Number.MAX_SAFE_INTEGER),
    backoffMs: positiveDurationMs(backoff, `retry.backoff of "${name}"`),
    factor,
    maxMs: positiveDurationMs(max, `retry.max of "${name}"`),
    jitter,
    when: when && boundMethod(retry, when),
  });
}

function checked(name: string, option: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw badOption(name, option, value, `a whole number from ${min} to ${max}`);
}

function badOption(operator: string, option: string, came: unknown, expected: string): MillraceError {
  return new MillraceError("BAD_OPTION", `${option} of "${operator}" is ${String(came)}; it must be ${expected}`, {
    operator,
  });
}
