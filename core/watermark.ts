/** Event time: how timestamps are read from records and how watermarks follow from them. */

import { MillraceError } from "./errors.ts";
import { type Duration, durationMs, positiveDurationMs } from "./time.ts";

/** Derives watermarks from the timestamps of one subtask's records. Returns the watermark, or undefined for no change. */
export interface WatermarkGenerator<T = unknown> {
  onRecord(value: T, timestamp: number): number | undefined;
  /** Called at the end of every batch. */
  onBatchEnd(): number | undefined;
}

export type WatermarkStrategy<T = unknown> =
  | { readonly kind: "bounded"; readonly outOfOrdernessMs: number }
  | { readonly kind: "punctuated"; readonly watermarkOf: (value: T, timestamp: number) => number | undefined }
  | { readonly kind: "custom"; readonly generator: () => WatermarkGenerator<T> };

/** What `withTimestamps` takes: exactly one of the three ways to make watermarks, and how long until a silent input is idle. */
export interface WatermarkOptions<T> {
  /** Records come at most this much after the latest one. Default "0s": in order. */
  readonly outOfOrderness?: Duration;
  /** The watermark that a record carries, if it carries one. */
  readonly punctuated?: (value: T, timestamp: number) => number | undefined;
  /** A generator of one's own, made anew for each subtask. */
  readonly custom?: () => WatermarkGenerator<T>;
  /** After so long without records a subtask no longer holds back its consumers' watermark. Default: never. */
  readonly idleAfter?: Duration;
}

export function watermarkStrategy<T>(options: WatermarkOptions<T>, operator: string): WatermarkStrategy<T> {
  const given = [options.outOfOrderness, options.punctuated, options.custom].filter((way) => way !== undefined);
  if (given.length > 1) {
    throw new MillraceError(
      "BAD_OPTION",
      `"${operator}" expects one of outOfOrderness, punctuated and custom, got ${given.length} of them`,
      { operator },
    );
  }
  if (options.punctuated !== undefined) return { kind: "punctuated", watermarkOf: options.punctuated };
  if (options.custom !== undefined) return { kind: "custom", generator: options.custom };
  return {
    kind: "bounded",
    outOfOrdernessMs: durationMs(options.outOfOrderness ?? "0s", `outOfOrderness of "${operator}"`),
  };
}

export function idleAfterMs<T>(options: WatermarkOptions<T>, operator: string): number | undefined {
  return options.idleAfter === undefined
    ? undefined
    : positiveDurationMs(options.idleAfter, `idleAfter of "${operator}"`);
}
