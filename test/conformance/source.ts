/**
 * What every source promises (core/source.ts), as a suite: enumerator and readers are driven by hand, with random read
 * sizes and a gate that blocks at random. Splits and positions are cloned on their way, as between threads.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EnumeratorContext, Source, SourceContext, SourceReader } from "../../core/source.ts";
import { fakeContext, ManualClock } from "../connectors/fake-context.ts";

export interface SourceCase<T> {
  readonly source: Source<T>;
  /** What one reader reads, in order. */
  readonly expected: readonly T[];
  /** Where its files lie, when it has any. */
  readonly folder?: string;
}

export function sourceConformance<T>(name: string, prepare: () => SourceCase<T> | Promise<SourceCase<T>>): void {
  describe(`${name} is a source`, () => {
    test("its data is frozen", async () => {
      const { source } = await prepare();
      expect(Object.isFrozen(source)).toBe(true);
      expect(source.name).not.toBe("");
    });

    test.each([1, 2, 3])(
      "each record is read once by %i readers, whatever they are asked for and whenever they are blocked",
      async (parallelism) => {
        const { source, expected } = await prepare();
        const script = fc.record({
          turns: fc.integer({ min: 1, max: 5 }),
          max: fc.integer({ min: 1, max: 9 }),
          blockAfter: fc.nat({ max: 9 }),
        });
        await fc.assert(
          fc.asyncProperty(fc.array(script, { minLength: 1, maxLength: 50 }), async (steps) => {
            const read = await readAll(source, parallelism, steps);
            if (parallelism === 1) expect(read.flat()).toEqual(expected);
            else expect(sorted(read.flat())).toEqual(sorted(expected));
          }),
          { numRuns: 15 },
        );
      },
    );

    test("each reader's records keep the order of the source", async () => {
      const { source, expected } = await prepare();
      const place = new Map(expected.map((record, at) => [JSON.stringify(record, bigints), at]));
      const read = await readAll(source, 3, [{ turns: 1, max: 1, blockAfter: 1 }]);
      for (const records of read) {
        const places = records.map((record) => place.get(JSON.stringify(record, bigints)) ?? -1);
        expect(places).toEqual([...places].sort((a, b) => a - b));
      }
    });

    test("a split goes on after any of its records from the position there", async () => {
      const { source } = await prepare();
      for (const split of await splitsOf(source, 1)) {
        const whole = await readSplit(source, split);
        for (let count = 0; count <= whole.records.length; count++) {
          const first = await readSplit(source, split, undefined, count);
          const rest = first.ended ? [] : (await readSplit(source, split, first.position)).records;
          expect([...first.records, ...rest]).toEqual(whole.records);
        }
      }
    });

    test("nothing comes of a part that is paused, and all of it when it goes on", async () => {
      const { source } = await prepare();
      for (const split of await splitsOf(source, 1)) {
        const whole = (await readSplit(source, split)).records;
        const context = fakeContext();
        await using reader = openReader(source, context);
        await reader.begin(structuredClone(split));
        const { reported } = context;
        // Whoever reads one thing at a time is not read at all instead.
        expect(reader.pause !== undefined).toBe(reported.parts.length > 0);
        const records: unknown[] = [];
        for (let round = 0; records.length < whole.length; round++) {
          const paused = round % 2 === 0 ? reported.parts.at(-1) : [];
          for (const part of reported.parts.at(-1) ?? []) reader.pause?.(part, paused?.includes(part) === true);
          const before = records.length;
          const step = await reader.read((record) => void records.push(record), 2, { blocked: false });
          if (paused?.length) expect(records).toHaveLength(before);
          else if (records.length > before) expect([undefined, ...reported.parts.flat()]).toContain(reported.part);
          if (step === "end") break;
          if (typeof step === "number") (context.clock as ManualClock).ms += step;
        }
        expect(records).toEqual(whole);
      }
    });

    test("a reader that hears of complete checkpoints goes on as if nothing had been", async () => {
      const { source } = await prepare();
      for (const split of await splitsOf(source, 1)) {
        const whole = (await readSplit(source, split)).records;
        const context = fakeContext({ checkpointing: true });
        await using reader = openReader(source, context);
        await reader.begin(structuredClone(split));
        const records: unknown[] = [];
        for (let checkpoint = 1, step: unknown; step !== "end" && records.length < whole.length; checkpoint++) {
          step = await reader.read((record) => void records.push(record), 3, { blocked: false });
          if (typeof step === "number") (context.clock as ManualClock).ms += step;
          reader.checkpointCompleted?.(
            checkpoint,
            checkpoint % 2 === 0 ? undefined : structuredClone(reader.position()),
          );
        }
        expect(records).toEqual(whole);
      }
    });

    test("a blocked reader pushes nothing, and a reader never pushes more than it was asked for", async () => {
      const { source } = await prepare();
      const [split] = await splitsOf(source, 1);
      if (split === undefined) return;
      await using reader = openReader(source);
      await reader.begin(structuredClone(split));
      for (let round = 0; round < 30; round++) {
        const blocked = round % 2 === 0;
        let pushed = 0;
        const step = await reader.read(() => void pushed++, 3, { blocked });
        expect(pushed).toBeLessThanOrEqual(blocked ? 0 : 3);
        if (step === "end") break;
      }
    });

    test("after the end of a split its reader pushes nothing", async () => {
      const { source } = await prepare();
      const [split] = await splitsOf(source, 1);
      if (split === undefined) return;
      const clock = new ManualClock();
      await using reader = openReader(source, fakeContext({ clock }));
      await reader.begin(structuredClone(split));
      let pushed = 0;
      for (let step: unknown; step !== "end"; clock.ms += 1000) {
        step = await reader.read(() => void pushed++, 100, { blocked: false });
      }
      const atEnd = pushed;
      await setImmediate();
      expect(pushed).toBe(atEnd);
    });

    test("an enumerator that has no more splits has no more for anybody", async () => {
      const { source } = await prepare();
      const enumerator = await source.enumerate(enumeratorContext(2));
      while ((await enumerator.next(0)) !== undefined);
      expect(await enumerator.next(0)).toBeUndefined();
      expect(await enumerator.next(1)).toBeUndefined();
      await enumerator.close?.();
    });

    test("an enumerator goes on behind what it has dealt out, with as many readers or another number of them", async () => {
      const { source, expected } = await prepare();
      const splits = (await splitsOf(source, 2)).length;
      for (const parallelism of [2, 3]) {
        for (let count = 0; count <= splits; count += Math.max(1, Math.floor(splits / 5))) {
          const { dealt, restored } = await dealSome(source, count);
          const rest = await splitsOf(source, parallelism, restored);
          const parts = await Promise.all([...dealt, ...rest].map((split) => readSplit(source, split)));
          expect(sorted(parts.flatMap(({ records }) => records))).toEqual(sorted(expected));
        }
      }
    });

    test("closed at any time, it leaves no file open", async () => {
      const { source, folder } = await prepare();
      if (folder === undefined) return;
      const enumerator = await source.enumerate(enumeratorContext(2));
      const split = await enumerator.next(0);
      const readers = [openReader(source), openReader(source), openReader(source)];
      if (split !== undefined) {
        await readers[1]?.begin(structuredClone(split));
        await readers[2]?.begin(structuredClone(split));
        await readers[2]?.read(() => {}, 1, { blocked: false });
      }
      for (const reader of readers) await reader.close?.();
      await enumerator.close?.();
      expect(openFilesIn(folder)).toEqual([]);
    });
  });
}

/** What one subtask does when it is its turn. */
interface Step {
  /** How often it reads. */
  readonly turns: number;
  readonly max: number;
  /** After how many records the gate becomes blocked; 0: it is blocked at first, and free the next time. */
  readonly blockAfter: number;
}

/** What each of several readers reads, which take turns by the script over and over. */
export async function readAll<T>(source: Source<T>, parallelism: number, script: readonly Step[]): Promise<T[][]> {
  const enumerator = await source.enumerate(enumeratorContext(parallelism));
  const clock = new ManualClock();
  const subtasks = Array.from({ length: parallelism }, (_, number) => {
    const reader = source.reader(fakeContext({ subtask: number, parallelism, clock }));
    return { number, reader, records: [] as T[], state: "idle" as "idle" | "reading" | "done" };
  });
  const advance = async (subtask: (typeof subtasks)[number], max: number, blockAfter: number): Promise<void> => {
    if (subtask.state === "idle") {
      const split = await enumerator.next(subtask.number);
      subtask.state = split === undefined ? "done" : "reading";
      if (split !== undefined) await subtask.reader.begin(structuredClone(split));
    }
    if (subtask.state === "done") return;
    const gate = { blocked: blockAfter === 0 };
    let left = blockAfter;
    const push = (record: T): void => {
      expect(gate.blocked).toBe(false);
      subtask.records.push(record);
      if (--left === 0) gate.blocked = true;
    };
    const step = await subtask.reader.read(push, max, gate);
    if (typeof step === "number") clock.ms += step;
    if (step === "end") subtask.state = "idle";
  };
  for (let at = 0; subtasks.some(({ state }) => state !== "done"); at++) {
    const { turns, max, blockAfter } = script[at % script.length] ?? { turns: 1, max: 1, blockAfter: 1 };
    for (const subtask of subtasks) {
      if (blockAfter === 0) await advance(subtask, max, 0);
      for (let turn = 0; turn < turns; turn++) await advance(subtask, max, Math.max(1, blockAfter));
    }
  }
  for (const { reader } of subtasks) await reader.close?.();
  await enumerator.close?.();
  return subtasks.map(({ records }) => records);
}

/** All records of a source, read by one reader, and what it reported on the way. */
export async function readSource<T>(
  source: Source<T>,
): Promise<{ records: T[]; context: ReturnType<typeof fakeContext> }> {
  const context = fakeContext();
  const records: T[] = [];
  for (const split of await splitsOf(source, 1))
    records.push(...(await readSplit(source, split, undefined, undefined, context)).records);
  return { records, context };
}

/** The first splits, and what an enumerator goes on from behind them. */
async function dealSome<T>(source: Source<T>, count: number): Promise<{ dealt: unknown[]; restored: unknown }> {
  const enumerator = await source.enumerate(enumeratorContext(2));
  const dealt: unknown[] = [];
  for (let at = 0; at < count; at++) dealt.push(await enumerator.next(0));
  const restored = structuredClone(enumerator.snapshot?.());
  expect(restored, "every connector's enumerator can be saved").toBeDefined();
  await enumerator.close?.();
  return { dealt, restored };
}

export async function splitsOf<T>(source: Source<T>, parallelism: number, restored?: unknown): Promise<unknown[]> {
  const context = enumeratorContext(parallelism);
  const enumerator = await source.enumerate(restored === undefined ? context : { ...context, restored });
  const splits: unknown[] = [];
  for (let split = await enumerator.next(0); split !== undefined; split = await enumerator.next(0)) splits.push(split);
  await enumerator.close?.();
  return splits;
}

/** Reads a split from a position on, up to its end or a number of records. */
async function readSplit<T>(
  source: Source<T>,
  split: unknown,
  from?: unknown,
  count = Number.MAX_SAFE_INTEGER,
  context?: SourceContext,
): Promise<{ records: T[]; position: unknown; ended: boolean }> {
  const clock = new ManualClock();
  await using reader = openReader(source, context ?? fakeContext({ clock }));
  await reader.begin(structuredClone(split), from);
  const records: T[] = [];
  let ended = false;
  while (records.length < count && !ended) {
    const step = await reader.read((record) => void records.push(record), count - records.length, { blocked: false });
    if (typeof step === "number") clock.ms += step;
    ended = step === "end";
  }
  return { records, position: structuredClone(reader.position()), ended };
}

function openReader<T>(source: Source<T>, context: SourceContext = fakeContext()): SourceReader<T> & AsyncDisposable {
  const reader = source.reader(context);
  return {
    begin: (split, position) => reader.begin(split, position),
    read: (push, max, gate) => reader.read(push, max, gate),
    position: () => reader.position(),
    ...(reader.pause !== undefined && { pause: reader.pause.bind(reader) }),
    ...(reader.checkpointCompleted !== undefined && { checkpointCompleted: reader.checkpointCompleted.bind(reader) }),
    close: async () => await reader.close?.(),
    [Symbol.asyncDispose]: async () => await reader.close?.(),
  };
}

export function enumeratorContext(parallelism: number): EnumeratorContext {
  return { parallelism, workingDirectory: process.cwd(), signal: new AbortController().signal };
}

function sorted(records: readonly unknown[]): string[] {
  return records.map((record) => JSON.stringify(record, bigints)).sort();
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}

/** The open files of this process in a folder; none where the system does not tell. */
export function openFilesIn(folder: string): string[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${descriptor}`);
      return target.startsWith(folder) ? [target] : [];
    } catch {
      return []; // The descriptor by which the folder itself was listed.
    }
  });
}
