/** Drives what reads two streams in every way that must not matter, as `drive.ts` does with what reads one. */

import type { DataStream } from "../../index.ts";
import { type OperatorHarness, openTwoInputHarness } from "../../runtime/testing/index.ts";
import { type Driven, type DriveOptions, type Driver, inEveryWay } from "./drive.ts";

export type TwoInputStep<L, R> =
  | { readonly first: L; readonly at?: number }
  | { readonly second: R; readonly at?: number }
  /** Of both inputs, or of one. */
  | { readonly watermark: number; readonly of?: 1 | 2 }
  | { readonly advanceTime: number };

export type BuildOfTwo<L, R, O> = (first: DataStream<L>, second: DataStream<R>) => DataStream<O>;

/** What came out, the same in every way. */
export function driveTwoInEveryWay<L, R, O>(
  build: BuildOfTwo<L, R, O>,
  steps: readonly TwoInputStep<L, R>[],
  options: DriveOptions = {},
): Promise<Driven<O>> {
  return inEveryWay(driverOf(build), steps, options);
}

function driverOf<L, R, O>(build: BuildOfTwo<L, R, O>): Driver<OperatorHarness<L, O, R>, TwoInputStep<L, R>> {
  return {
    open: (options) => openTwoInputHarness(build, options),
    take,
    takeTogether,
    isRecord: (step) => "first" in step || "second" in step,
    // As after a restart: what each of the inputs has said of event time is said anew.
    resume: (harness, taken) => {
      for (const step of taken) if ("watermark" in step) take(harness, step);
    },
  };
}

function take<L, R, O>(harness: OperatorHarness<L, O, R>, step: TwoInputStep<L, R>): void {
  if ("first" in step) harness.push(step.first, step.at);
  else if ("second" in step) harness.push2(step.second, step.at);
  else if ("watermark" in step) {
    if (step.of !== 2) harness.watermark(step.watermark);
    if (step.of !== 1) harness.watermark2(step.watermark);
  } else harness.advanceTime(step.advanceTime);
}

/** A batch holds records of one input: each stretch of these is one. */
function takeTogether<L, R, O>(harness: OperatorHarness<L, O, R>, records: readonly TwoInputStep<L, R>[]): void {
  let first: (readonly [L, number])[] = [];
  let second: (readonly [R, number])[] = [];
  const flush = (): void => {
    harness.pushBatch(first);
    harness.pushBatch2(second);
    first = [];
    second = [];
  };
  for (const step of records) {
    if ("first" in step) {
      if (second.length > 0) flush();
      first.push([step.first, step.at ?? Number.NEGATIVE_INFINITY]);
    } else if ("second" in step) {
      if (first.length > 0) flush();
      second.push([step.second, step.at ?? Number.NEGATIVE_INFINITY]);
    }
  }
  flush();
}
