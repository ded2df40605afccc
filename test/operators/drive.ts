/**
 * Drives an operator through the same steps in every way that must not matter, and holds the outputs against each other:
 * record by record, all records between two other steps in one batch, snapshotted and restored into a new operator after
 * every step, and with an output that has no credit after every second record.
 */

import { expect } from "vitest";
import type { DataStream, OutputTag } from "../../index.ts";
import {
  type HarnessOptions,
  type OperatorHarness,
  type OutputElement,
  openHarness,
  VirtualClock,
} from "../../runtime/testing/index.ts";

export type Step<I> =
  | readonly [value: I, timestamp?: number]
  | { readonly watermark: number }
  | { readonly advanceTime: number };

export type Build<I, O> = (input: DataStream<I>) => DataStream<O>;

export interface DriveOptions extends HarnessOptions {
  /** Whether watermarks have to be the same too; not where they are made anew after a restart, or batch by batch. */
  readonly watermarks?: boolean;
  /** Whether a restored operator may emit the results of several keys for one time in another order. */
  readonly keysInAnyOrder?: boolean;
}

export interface Driven<O> {
  readonly records: readonly O[];
  readonly timestamps: readonly number[];
  readonly elements: readonly OutputElement<O>[];
  /** What came out of a side output, by the tag's name. */
  readonly sides: Readonly<Record<string, readonly unknown[]>>;
}

/** How one kind of operator is driven. */
export interface Driver<H, S> {
  open(options: HarnessOptions): Promise<H>;
  take(harness: H, step: S): void;
  /** Records that come one after the other, as one batch. */
  takeTogether(harness: H, records: readonly S[]): void;
  isRecord(step: S): boolean;
  /** What comes again behind a restart. */
  resume(harness: H, taken: readonly S[]): void;
}

type AnyHarness<O> = OperatorHarness<never, O, never>;

/** What came out, the same in every way. */
export function driveInEveryWay<I, O>(
  build: Build<I, O>,
  steps: readonly Step<I>[],
  options: DriveOptions = {},
): Promise<Driven<O>> {
  return inEveryWay(driverOf(build), steps, options);
}

/** The same by any driver. */
export async function inEveryWay<O, H extends AnyHarness<O>, S>(
  driver: Driver<H, S>,
  steps: readonly S[],
  options: DriveOptions = {},
): Promise<Driven<O>> {
  const { watermarks = true, keysInAnyOrder = false, ...harness } = options;
  const single = await singly<O, H, S>(driver, steps, harness);
  const blocked = await singly<O, H, S>(driver, steps, { ...harness, blockEvery: 2 });
  expect(blocked, "with a full output").toEqual(single);
  const restored = await driveRestored<O, H, S>(driver, steps, harness);
  const comparable = (result: Driven<O>): Driven<O> => {
    const kept = watermarks ? result : withoutWatermarks(result);
    return keysInAnyOrder ? withKeysInOrder(kept) : kept;
  };
  expect(comparable(restored), "restored after every step").toEqual(comparable(single));
  const together = await driveTogether<O, H, S>(driver, steps, harness);
  expect(withoutWatermarks(together), "all at once").toEqual(withoutWatermarks(single));
  return single;
}

/** Record by record. */
export function drive<I, O>(
  build: Build<I, O>,
  steps: readonly Step<I>[],
  options: HarnessOptions = {},
): Promise<Driven<O>> {
  return singly(driverOf(build), steps, options);
}

async function singly<O, H extends AnyHarness<O>, S>(
  driver: Driver<H, S>,
  steps: readonly S[],
  options: HarnessOptions,
): Promise<Driven<O>> {
  const harness = await driver.open({ ...options, clock: new VirtualClock() });
  for (const step of steps) {
    driver.take(harness, step);
    await harness.settled();
  }
  await harness.close();
  return driven(harness.elements, [harness], options.sides);
}

async function driveTogether<O, H extends AnyHarness<O>, S>(
  driver: Driver<H, S>,
  steps: readonly S[],
  options: HarnessOptions,
): Promise<Driven<O>> {
  const harness = await driver.open({ ...options, clock: new VirtualClock() });
  let batch: S[] = [];
  for (const step of steps) {
    if (driver.isRecord(step)) {
      batch.push(step);
      continue;
    }
    driver.takeTogether(harness, batch);
    batch = [];
    driver.take(harness, step);
  }
  driver.takeTogether(harness, batch);
  await harness.settled();
  await harness.close();
  return driven(harness.elements, [harness], options.sides);
}

async function driveRestored<O, H extends AnyHarness<O>, S>(
  driver: Driver<H, S>,
  steps: readonly S[],
  options: HarnessOptions,
): Promise<Driven<O>> {
  const clock = new VirtualClock();
  const harnesses = [await driver.open({ ...options, clock })];
  const elements: OutputElement<O>[] = [];
  for (const [at, step] of steps.entries()) {
    const current = harnesses.at(-1) as H;
    driver.take(current, step);
    await current.settled();
    elements.push(...current.elements);
    const snapshot = current.snapshot();
    await current.close();
    const next = await driver.open({ ...options, clock, restore: [snapshot] });
    driver.resume(next, steps.slice(0, at + 1));
    harnesses.push(next);
  }
  return driven(elements, harnesses, options.sides);
}

function driverOf<I, O>(build: Build<I, O>): Driver<OperatorHarness<I, O>, Step<I>> {
  return {
    open: (options) => openHarness(build, options),
    take: (harness, step) => {
      if (isRecord(step)) harness.push(step[0], step[1]);
      else if ("watermark" in step) harness.watermark(step.watermark);
      else harness.advanceTime(step.advanceTime);
    },
    takeTogether: (harness, records) =>
      harness.pushBatch(
        records.filter(isRecord<I>).map(([value, timestamp]) => [value, timestamp ?? Number.NEGATIVE_INFINITY]),
      ),
    isRecord,
    resume: () => {},
  };
}

function isRecord<I>(step: Step<I>): step is readonly [I, number?] {
  return Array.isArray(step);
}

function driven<O>(
  elements: readonly OutputElement<O>[],
  harnesses: readonly AnyHarness<O>[],
  sides: readonly OutputTag<unknown>[] = [],
): Driven<O> {
  const records = elements.filter((element) => element.kind === "record");
  return {
    records: records.map((record) => record.value),
    timestamps: records.map((record) => record.timestamp),
    elements,
    sides: Object.fromEntries(sides.map((tag) => [tag.name, harnesses.flatMap((harness) => harness.side(tag))])),
  };
}

function withoutWatermarks<O>(result: Driven<O>): Driven<O> {
  return { ...result, elements: result.elements.filter((element) => element.kind === "record") };
}

/** The records of one time that come one after the other, in the order of their text. */
function withKeysInOrder<O>(result: Driven<O>): Driven<O> {
  const stretches: OutputElement<O>[][] = [];
  for (const element of result.elements) {
    const before = stretches.at(-1)?.[0];
    const joins = element.kind === "record" && before?.kind === "record" && before.timestamp === element.timestamp;
    if (joins) stretches.at(-1)?.push(element);
    else stretches.push([element]);
  }
  const text = (element: OutputElement<O>): string => JSON.stringify(element);
  const elements = stretches.flatMap((stretch) => stretch.toSorted((a, b) => (text(a) < text(b) ? -1 : 1)));
  return { ...result, records: [], elements };
}
