/** Two streams in disorder, with watermarks of each that rise as they like: what joins are held against brute force on. */

import fc from "fast-check";
import type { DataStream } from "../../../index.ts";
import { type OperatorHarness, type OutputElement, openTwoInputHarness } from "../../../runtime/testing/index.ts";
import type { TwoInputStep } from "../drive-two.ts";

export interface Item {
  readonly id: number;
  readonly key: string | number;
  readonly time: number;
}

export type ItemStep = TwoInputStep<Item, Item>;

/** How an operator is disturbed while it runs: without effect on what it means. */
export interface Disturbance {
  readonly blockEvery: number;
  /** It is snapshotted and restored before each step whose number is a multiple of this. */
  readonly restoreEvery: number;
  /** Records of one input that come one behind the other are one batch of up to so many. */
  readonly together: number;
}

export const disturbances: fc.Arbitrary<Disturbance> = fc.record({
  blockEvery: fc.constantFrom(1, 2, 3, 1000),
  restoreEvery: fc.constantFrom(1, 4, 1000),
  together: fc.constantFrom(1, 3, 1000),
});

/** Times are around a time that goes on; watermarks are anywhere around it, so that some records come behind them. */
export const streams: fc.Arbitrary<readonly ItemStep[]> = fc
  .array(
    fc.oneof(
      {
        weight: 8,
        arbitrary: fc.tuple(fc.constantFrom("first", "second"), fc.nat(2), fc.integer({ min: -12, max: 12 })),
      },
      {
        weight: 3,
        arbitrary: fc.tuple(
          fc.constantFrom("watermark1", "watermark2", "watermark"),
          fc.constant(0),
          fc.integer({ min: -14, max: 4 }),
        ),
      },
    ),
    { maxLength: 60 },
  )
  .map((drawn) =>
    drawn.map(([kind, key, distance], at): ItemStep => {
      const time = 100 + 2 * at + distance;
      switch (kind) {
        case "first":
          return { first: { id: at, key: `k${key}`, time }, at: time };
        case "second":
          return { second: { id: at, key: `k${key}`, time }, at: time };
        case "watermark1":
          return { watermark: time, of: 1 };
        case "watermark2":
          return { watermark: time, of: 2 };
        default:
          return { watermark: time };
      }
    }),
  );

/** The records of both inputs that do not come behind the lower one of both watermarks. */
export function inTime(steps: readonly ItemStep[]): {
  readonly left: readonly Item[];
  readonly right: readonly Item[];
  readonly late: number;
} {
  const [left, right] = [[] as Item[], [] as Item[]];
  const watermarks = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY] as [number, number];
  let late = 0;
  for (const step of steps) {
    if ("watermark" in step) {
      if (step.of !== 2) watermarks[0] = Math.max(watermarks[0], step.watermark);
      if (step.of !== 1) watermarks[1] = Math.max(watermarks[1], step.watermark);
    } else if ("first" in step || "second" in step) {
      const item = "first" in step ? step.first : step.second;
      if (item.time <= Math.min(...watermarks)) late++;
      else if ("first" in step) left.push(item);
      else right.push(item);
    }
  }
  return { left, right, late };
}

/** Everything that comes out, to the end of the input. */
export async function outcome<O>(
  build: (first: DataStream<Item>, second: DataStream<Item>) => DataStream<O>,
  steps: readonly ItemStep[],
  { blockEvery, restoreEvery, together }: Disturbance,
): Promise<readonly OutputElement<O>[]> {
  let harness = await openTwoInputHarness(build, { blockEvery });
  const elements: OutputElement<O>[] = [];
  let batch: ItemStep[] = [];
  for (const [at, step] of steps.entries()) {
    const isFull = batch.length === together || !isSameInput(batch[0] ?? step, step);
    if (isFull || at % restoreEvery === 0) {
      takeBatch(harness, batch);
      batch = [];
    }
    if (at > 0 && at % restoreEvery === 0) {
      elements.push(...harness.elements);
      const snapshot = harness.snapshot();
      await harness.close();
      harness = await openTwoInputHarness(build, { blockEvery, restore: [snapshot] });
      for (const taken of steps.slice(0, at)) if ("watermark" in taken) take(harness, taken);
    }
    batch.push(step);
  }
  takeBatch(harness, batch);
  harness.finish();
  elements.push(...harness.elements);
  await harness.close();
  return elements;
}

function isSameInput(a: ItemStep, b: ItemStep): boolean {
  return ("first" in a && "first" in b) || ("second" in a && "second" in b);
}

/** Records of one input, or one other step. */
function takeBatch(harness: OperatorHarness<Item, unknown, Item>, steps: readonly ItemStep[]): void {
  harness.pushBatch(steps.flatMap((step) => ("first" in step ? [[step.first, step.at ?? Number.NaN] as const] : [])));
  harness.pushBatch2(
    steps.flatMap((step) => ("second" in step ? [[step.second, step.at ?? Number.NaN] as const] : [])),
  );
  for (const step of steps) if ("watermark" in step) take(harness, step);
}

function take(harness: OperatorHarness<Item, unknown, Item>, step: ItemStep): void {
  if ("watermark" in step) {
    if (step.of !== 2) harness.watermark(step.watermark);
    if (step.of !== 1) harness.watermark2(step.watermark);
  }
}

/** The records that came out behind a watermark that says that they cannot. */
export function outOfTime<O>(elements: readonly OutputElement<O>[]): readonly O[] {
  let watermark = Number.NEGATIVE_INFINITY;
  return elements.flatMap((element) => {
    if (element.kind === "watermark") watermark = Math.max(watermark, element.timestamp);
    return element.kind === "record" && element.timestamp <= watermark ? [element.value] : [];
  });
}

/** A result of two records, or of one, as text to compare. */
export function pairText(left: Pick<Item, "id"> | undefined, right: Pick<Item, "id"> | undefined): string {
  return `${left?.id ?? "-"} ${right?.id ?? "-"}`;
}
