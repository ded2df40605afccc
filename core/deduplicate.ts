/** Deduplication: of the records of a key the first or the last. What the call takes, and the node that it makes. */

import type { Change } from "./changelog.ts";
import type { OperatorOptions } from "./environment.ts";
import { MillraceError } from "./errors.ts";
import type { KeySelector } from "./key.ts";
import type { TimerDomain } from "./operator.ts";
import { type StateDeclaration, type StateDescriptor, valueState, withTtl } from "./state.ts";
import { type Duration, positiveDurationMs } from "./time.ts";

export interface DeduplicateOptions<Keep extends "first" | "last" = "first" | "last"> extends OperatorOptions {
  /** Which record of a key stays. Default "first". */
  readonly keep?: Keep;
  /**
   * What first and last mean: "processing", the default, by the order in which records come; "event", by their timestamps.
   */
  readonly time?: TimerDomain;
  /**
   * For how long a key is remembered after the record that stays, measured by `time`: from when that came, or by event time
   * from its timestamp on. Then the key begins anew. Default: for ever, so that state grows with every new key.
   */
  readonly ttl?: Duration;
}

/** What comes out: the first record of a key is final; the last one may be replaced. */
export type Deduplicated<T, Keep> = Keep extends "last" ? Change<T> : T;

export interface DeduplicateSpec {
  readonly kind: "deduplicate";
  readonly key: KeySelector;
  readonly keep: "first" | "last";
  readonly time: TimerDomain;
  readonly ttlMs: number;
  readonly state: StateDeclaration;
}

/** The record that stays, with its event time. */
export interface KeptRecord {
  readonly value: unknown;
  readonly timestamp: number;
}

/** @throws BAD_OPTION, BAD_DURATION */
export function deduplicateSpec(name: string, key: KeySelector, options: DeduplicateOptions): DeduplicateSpec {
  const { keep = "first", time = "processing", ttl } = options;
  if (keep !== "first" && keep !== "last") throw refused(name, "keep", ["first", "last"], keep);
  if (time !== "event" && time !== "processing") throw refused(name, "time", ["event", "processing"], time);
  const ageing = <D extends StateDescriptor>(state: D): D =>
    ttl === undefined ? state : withTtl(state, ttl, { time });
  const state: StateDeclaration =
    keep === "last"
      ? { last: ageing(valueState<KeptRecord>()) }
      : // What waits for the watermark must not be gone before it comes, whatever the time to live.
        { seen: ageing(valueState<number>()), ...(time === "event" ? { waiting: valueState<KeptRecord>() } : {}) };
  const ttlMs = ttl === undefined ? Number.POSITIVE_INFINITY : positiveDurationMs(ttl, `ttl of "${name}"`);
  return { kind: "deduplicate", key, keep, time, ttlMs, state: Object.freeze(state) };
}

function refused(name: string, option: string, accepted: readonly string[], came: unknown): MillraceError {
  return new MillraceError(
    "BAD_OPTION",
    `deduplicate "${name}" expects ${option} to be ${accepted.join(" or ")}, got ${JSON.stringify(came)}`,
    { operator: name },
  );
}
