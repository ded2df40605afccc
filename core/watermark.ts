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

/**
 * Watermarks that are made in the source, for each of its parts by itself: for each partition of a Kafka topic, for the split
 * that is being read of other sources. The lowest of them goes on. So a part that is read later than others, or slower,
 * makes no record late. `idleAfter` is of a part: one without records for so long is left out.
 */
export interface SourceWatermarks<T> extends WatermarkOptions<T> {
  /** The event time of a record in epoch milliseconds. Default: the timestamp that the source gives it. */
  readonly timestamp?: (value: T) => number;
  /**
   * Parts that are ahead in event time wait for those behind, so that operators need not hold what is between them. Needs
   * `idleAfter`, as nobody is ahead of a part of which no record has come.
   */
  readonly align?: WatermarkAlignment;
}

export interface WatermarkAlignment {
  /** How far a part may be ahead of the slowest one. */
  readonly maxDrift: Duration;
  /** Sources of one group wait for each other. Default: the subtasks and parts of this source only. */
  readonly group?: string;
}

/** The same as a node has it. */
export interface SourceWatermarkSpec<T = unknown> {
  readonly timestampOf: ((value: T) => number) | undefined;
  readonly strategy: WatermarkStrategy<T>;
  readonly idleAfterMs: number | undefined;
  readonly align: { readonly maxDriftMs: number; readonly group: string } | undefined;
}

/** @throws MillraceError BAD_OPTION, BAD_DURATION */
export function sourceWatermarks<T>(options: SourceWatermarks<T>, operator: string): SourceWatermarkSpec<T> {
  const { align, timestamp } = options;
  if (align !== undefined && options.idleAfter === undefined) {
    const message = `watermarks.align of "${operator}" needs idleAfter: else a part without records would stop all others for good`;
    throw new MillraceError("BAD_OPTION", message, { operator });
  }
  return Object.freeze({
    timestampOf: timestamp,
    strategy: watermarkStrategy(options, operator),
    idleAfterMs: idleAfterMs(options, operator),
    align: align && {
      maxDriftMs: positiveDurationMs(align.maxDrift, `align.maxDrift of "${operator}"`),
      group: align.group ?? operator,
    },
  });
}
