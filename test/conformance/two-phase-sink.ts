/**
 * What every sink in two phases promises (core/sink.ts), beside a model of what is visible: writers are driven by hand, and
 * crash, after which others go on from some complete checkpoint, perhaps with another number of them.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OperatorState, OperatorStateMode } from "../../core/operator.ts";
import type { PreparedPart, RestoredSink, Sink, SinkWriter } from "../../core/sink.ts";
import { NO_TIMESTAMP } from "../../core/time.ts";
import { fakeContext } from "../connectors/fake-context.ts";

export interface TwoPhaseCase {
  readonly sink: Sink<number>;
  /** What the outside sees of it now, in any order. */
  readonly visible: () => Promise<readonly number[]>;
  /** How many things of the sink's own are there beside what is visible. */
  readonly leftovers: () => Promise<number>;
}

type Action =
  | { readonly kind: "write"; readonly writer: number }
  | { readonly kind: "flush"; readonly writer: number }
  /** Of a checkpoint that comes to nothing, that is complete, or that is complete just before the crash. */
  | { readonly kind: "checkpoint"; readonly outcome: "lost" | "complete" | "complete, then crash" }
  | { readonly kind: "crash"; readonly writers: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant("write" as const), writer: fc.nat(2) }), weight: 5 },
  { arbitrary: fc.record({ kind: fc.constant("flush" as const), writer: fc.nat(2) }), weight: 2 },
  {
    arbitrary: fc.record({
      kind: fc.constant("checkpoint" as const),
      outcome: fc.constantFrom("lost" as const, "complete" as const, "complete, then crash" as const),
    }),
    weight: 3,
  },
  { arbitrary: fc.record({ kind: fc.constant("crash" as const), writers: fc.integer({ min: 1, max: 3 }) }), weight: 1 },
);

export function twoPhaseSinkConformance(name: string, prepare: () => TwoPhaseCase | Promise<TwoPhaseCase>): void {
  describe(`${name} is a sink in two phases`, () => {
    test("what is written, flushed and prepared is not visible before it is committed, and then once", async () => {
      const { sink, visible } = await prepare();
      const writer = await opened(sink, 0, 1, 1, undefined);
      await writer.write(1, NO_TIMESTAMP);
      await writer.flush?.();
      const part = structuredClone(await writer.prepare?.(4));
      await writer.write(2, NO_TIMESTAMP);
      expect(await visible()).toEqual([]);
      await writer.commit?.(4, part);
      expect(await visible()).toEqual([1]);
      await writer.commit?.(4, part);
      expect(await visible()).toEqual([1]);
      await writer.close?.();
      expect(await visible()).toEqual([1]);
    });

    test("nothing written is nothing to commit", async () => {
      const { sink } = await prepare();
      const writer = await opened(sink, 0, 1, 1, undefined);
      expect(await writer.prepare?.(1)).toBe(undefined);
      await writer.close?.();
    });

    test("whatever crashes whenever, exactly what is before the last complete checkpoint is visible in the end", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(action, { maxLength: 30 }), async (actions) => {
          const given = await prepare();
          const run = await TwoPhaseRun.start(given.sink);
          for (const each of actions) await run.act(each);
          await run.crash(2);
          expect((await given.visible()).toSorted((a, b) => a - b)).toEqual(run.saved.toSorted((a, b) => a - b));
          await run.close();
          expect(await given.leftovers()).toBe(0);
        }),
        { numRuns: 40 },
      );
    });
  });
}

/** A sink's writers, and what a job would know of them. */
class TwoPhaseRun {
  readonly #sink: Sink<number>;
  #writers: SinkWriter<number>[] = [];
  #parts: PreparedPart[] = [];
  #restored: RestoredSink | undefined;
  /** What writers keep over a restart, as it is now, and as it was at the last complete checkpoint. */
  #reads: (readonly [name: string, read: () => readonly unknown[]])[] = [];
  #lists: ReadonlyMap<string, readonly unknown[]> = new Map();
  #attempt = 0;
  #checkpoint = 0;
  #next = 0;
  /** Written since the last complete checkpoint. */
  #unsaved: number[] = [];
  saved: number[] = [];

  private constructor(sink: Sink<number>) {
    this.#sink = sink;
  }

  static async start(sink: Sink<number>): Promise<TwoPhaseRun> {
    const run = new TwoPhaseRun(sink);
    await run.#open(2);
    return run;
  }

  async act(action: Action): Promise<void> {
    if (action.kind === "crash") await this.crash(action.writers);
    else if (action.kind === "checkpoint") await this.#takeCheckpoint(action.outcome);
    else {
      const writer = this.#writers[action.writer % this.#writers.length] as SinkWriter<number>;
      if (action.kind === "flush") await writer.flush?.();
      else {
        await writer.write(this.#next, NO_TIMESTAMP);
        this.#unsaved.push(this.#next++);
      }
    }
  }

  /** Others go on. What the old ones have open is closed, as by the end of their process. */
  async crash(writers: number): Promise<void> {
    await this.close();
    this.#unsaved = [];
    await this.#open(writers);
  }

  async close(): Promise<void> {
    for (const writer of this.#writers) await writer.close?.();
  }

  async #open(asked: number): Promise<void> {
    this.#attempt++;
    this.#reads = [];
    const restored = this.#restored;
    const writers = this.#sink.parallelism ?? asked;
    const open = Array.from({ length: writers }, (_, at) =>
      opened(this.#sink, at, writers, this.#attempt, restored, this.#operatorState(at, writers)),
    );
    this.#writers = await Promise.all(open);
    for (const [at, part] of (restored?.parts ?? []).entries())
      await this.#writers[at % writers]?.commit?.(part.checkpoint, part.prepared);
    this.#parts = [];
  }

  #operatorState(at: number, writers: number): OperatorState {
    return {
      list: <T>(name: string, mode: OperatorStateMode, read: () => readonly T[]) => {
        this.#reads.push([name, read]);
        const all = structuredClone(this.#lists.get(name) ?? []) as readonly T[];
        return mode === "replicated" ? all : all.filter((_, element) => element % writers === at);
      },
    };
  }

  /** As a job does, before the writers prepare. */
  #readLists(): ReadonlyMap<string, readonly unknown[]> {
    const byName = Map.groupBy(this.#reads, ([name]) => name);
    return structuredClone(new Map([...byName].map(([name, reads]) => [name, reads.flatMap(([, read]) => read())])));
  }

  async #takeCheckpoint(outcome: "lost" | "complete" | "complete, then crash"): Promise<void> {
    const checkpoint = ++this.#checkpoint;
    const lists = this.#readLists();
    for (const writer of this.#writers) {
      const prepared = structuredClone(await writer.prepare?.(checkpoint));
      if (prepared !== undefined) this.#parts.push({ checkpoint, prepared });
    }
    if (outcome === "lost") return;
    this.#restored = { checkpoint, parts: this.#parts };
    this.#lists = lists;
    this.saved = [...this.saved, ...this.#unsaved];
    this.#unsaved = [];
    if (outcome === "complete, then crash") return await this.crash(this.#writers.length);
    const parts = this.#parts;
    this.#parts = [];
    for (const part of parts) await this.#writers[0]?.commit?.(part.checkpoint, part.prepared);
  }
}

async function opened(
  sink: Sink<number>,
  subtask: number,
  parallelism: number,
  attempt: number,
  restored: RestoredSink | undefined,
  operatorState?: OperatorState,
): Promise<SinkWriter<number>> {
  const clone = structuredClone(restored);
  const writer = sink.writer(
    fakeContext({
      subtask,
      parallelism,
      attempt,
      ...(clone === undefined ? {} : { restored: clone }),
      ...(operatorState && { operatorState }),
    }),
  );
  await writer.open?.();
  return writer;
}
