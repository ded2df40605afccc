/** Deduplication: of the records of a key the first or the last. What the call takes, and the node that it makes. */

import { type BloomFilterOptions, checkedFilterOptions } from "./aggregates/bloom-filter.ts";
import type { Change } from "./changelog.ts";
import type { OperatorOptions } from "./environment.ts";
import { MillraceError } from "./errors.ts";
import type { KeySelector } from "./key.ts";
import type { TimerDomain } from "./operator.ts";
import { packed, type StateDeclaration, type StateDescriptor, valueState, withTtl } from "./state.ts";
import { type Duration, positiveDurationMs } from "./time.ts";

export interface DeduplicateOptions<Keep extends "first" | "last" = "first" | "last"> extends OperatorOptions {
  /** Which record of a key stays. Default "first". */
  readonly keep?: Keep;
  /**
   * What first and last mean: "processing", the default, by the order in which records come; "event", by their timestamps.
   */
  readonly time?: TimerDomain;
  /**
   * Of the last record: "changes", the default, a changelog; "upserts", the same without the record that is replaced, for
   * what puts a record in the place of the one with its key.
   */
  readonly emit?: "changes" | "upserts";
  /**
   * For how long a key is remembered after the record that stays, measured by `time`: from when that came, or by event time
   * from its timestamp on. Then the key begins anew. Default: for ever, so that state grows with every new key.
   */
  readonly ttl?: Duration;
  /**
   * Remembers keys by Bloom filters: a few bits a key instead of the key, at the price that a first record is taken for a
   * duplicate, and dropped, with a small probability. A duplicate never goes on. Only for the first by the order of coming;
   * `time` says how the time to live is measured, which is up to a third longer. Default: keys are kept.
   */
  readonly approximate?: BloomFilterOptions;
}

/** A key is looked for in the filters of so many slices of time, each a third of the time to live. */
export const SLICES = 4;

/** Of filters: for how many keys a slice, and at which rate. */
export interface ApproximateSpec {
  readonly capacity: number;
  readonly falsePositiveRate: number;
  readonly sliceMs: number;
}

/** What comes out: the first record of a key is final; the last one may be replaced. */
export type Deduplicated<T, Keep> = Keep extends "last" ? Change<T> : T;

export interface DeduplicateSpec {
  readonly kind: "deduplicate";
  readonly key: KeySelector;
  readonly keep: "first" | "last";
  readonly time: TimerDomain;
  readonly emit: "changes" | "upserts";
  readonly ttlMs: number;
  readonly approximate?: ApproximateSpec;
  readonly state: StateDeclaration;
}

/** The record that stays, with its event time. */
export interface KeptRecord {
  readonly value: unknown;
  readonly timestamp: number;
}

/** @throws BAD_OPTION, BAD_DURATION */
export function deduplicateSpec(name: string, key: KeySelector, options: DeduplicateOptions): DeduplicateSpec {
  const { keep = "first", time = "processing", emit = "changes", ttl } = options;
  if (keep !== "first" && keep !== "last") throw refused(name, "keep", ["first", "last"], keep);
  if (time !== "event" && time !== "processing") throw refused(name, "time", ["event", "processing"], time);
  if (emit !== "changes" && emit !== "upserts") throw refused(name, "emit", ["changes", "upserts"], emit);
  if (emit === "upserts" && keep === "first")
    throw refused(name, "emit", ["changes"], "upserts, where nothing is replaced");
  const ageing = <D extends StateDescriptor>(state: D): D =>
    ttl === undefined ? state : withTtl(state, ttl, { time });
  const state: StateDeclaration =
    keep === "last"
      ? { last: packed(ageing(valueState<KeptRecord>())) }
      : // What waits for the watermark must not be gone before it comes, whatever the time to live.
        {
          seen: ageing(valueState<number>()),
          ...(time === "event" ? { waiting: packed(valueState<KeptRecord>()) } : {}),
        };
  const ttlMs = ttl === undefined ? Number.POSITIVE_INFINITY : positiveDurationMs(ttl, `ttl of "${name}"`);
  if (options.approximate !== undefined) {
    if (keep === "last") throw refused(name, "keep", ["first"], "last, which filters cannot tell");
    const approximate = approximateSpec(name, options.approximate, ttlMs);
    return { kind: "deduplicate", key, keep, time, emit, ttlMs, approximate, state: {} };
  }
  return { kind: "deduplicate", key, keep, time, emit, ttlMs, state: Object.freeze(state) };
}

/** @throws BAD_OPTION */
function approximateSpec(name: string, options: BloomFilterOptions, ttlMs: number): ApproximateSpec {
  const { capacity, falsePositiveRate } = checkedFilterOptions(options, `deduplicate "${name}"`);
  if (ttlMs === Number.POSITIVE_INFINITY) return { capacity, falsePositiveRate, sliceMs: ttlMs };
  const sliceMs = Math.ceil(ttlMs / (SLICES - 1));
  // Of the keys within the time to live, a slice has its share; the rates of slices add up.
  return {
    capacity: Math.ceil(capacity / (SLICES - 1)),
    falsePositiveRate: falsePositiveRate / SLICES,
    sliceMs,
  };
}

function refused(name: string, option: string, accepted: readonly string[], came: unknown): MillraceError {
  return new MillraceError(
    "BAD_OPTION",
    `deduplicate "${name}" expects ${option} to be ${accepted.join(" or ")}, got ${JSON.stringify(came)}`,
    { operator: name },
  );
}
