/**
 * The sink's protocol on brokers in memory: whatever dies at whichever step, whatever expires and whoever still runs though
 * he was taken for dead, what is visible in the end is what was written before the last complete checkpoint, once.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TransactionalWriter } from "../../../../connectors/kafka/sink/transactional-writer.ts";
import type { PreparedPart, RestoredSink, SinkWriter } from "../../../../core/sink.ts";
import { NO_TIMESTAMP } from "../../../../core/time.ts";
import { fakeContext } from "../../fake-context.ts";
import { FakeBrokers, type Fault } from "./fake-brokers.ts";
import { commitAll, ignoring, isExpected, piecesOf, settings } from "./writer-on-fakes.ts";

type Action =
  | { readonly kind: "write"; readonly writer: number }
  | { readonly kind: "flush" }
  /** Of which nothing comes, or that is complete; then perhaps all writers are lost, and brokers for long. */
  | { readonly kind: "checkpoint"; readonly outcome: "lost" | "complete" | "then a crash" | "then an outage" }
  /** All writers are lost and others take their places; if `zombies`, the old ones run on. */
  | { readonly kind: "restart"; readonly writers: number; readonly zombies: boolean }
  | { readonly kind: "fault"; readonly fault: Fault };

const fault: fc.Arbitrary<Fault> = fc.record({
  after: fc.nat(12),
  kind: fc.constantFrom("before" as const, "after" as const, "expire" as const, "take-over" as const),
});

const outcomes = ["lost", "complete", "then a crash", "then an outage"] as const;

const action: fc.Arbitrary<Action> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant("write" as const), writer: fc.nat(2) }), weight: 6 },
  { arbitrary: fc.record({ kind: fc.constant("flush" as const) }), weight: 1 },
  {
    arbitrary: fc.record({
      kind: fc.constant("checkpoint" as const),
      outcome: fc.constantFrom(...outcomes),
    }),
    weight: 4,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant("restart" as const),
      writers: fc.integer({ min: 1, max: 3 }),
      zombies: fc.boolean(),
    }),
    weight: 1,
  },
  { arbitrary: fc.record({ kind: fc.constant("fault" as const), fault }), weight: 2 },
);

/** Writers of one attempt, each a process of its own, and what a job knows of them. */
interface Attempt {
  readonly writers: readonly SinkWriter<number>[];
  readonly processes: readonly { dead: boolean }[];
  /** Prepared and not known to be committed, of each writer. */
  readonly parts: PreparedPart[][];
}

class Job {
  readonly brokers = new FakeBrokers();
  #attempt: Attempt | undefined;
  #restored: RestoredSink | undefined;
  #attempts = 0;
  #checkpoint = 0;
  #next = 0;
  #unsaved: number[] = [];
  /** Of all complete checkpoints. */
  saved: number[] = [];
  /** Old attempts that do not know it. */
  readonly #zombies: Attempt[] = [];
  writers = 2;
  /** What the newest complete checkpoint keeps of each part. */
  #retained = new Map<string, readonly Uint8Array[]>();

  /** @param compacted whether the log loses what aborted transactions have written, at once */
  constructor(compacted: boolean) {
    this.brokers.compacted = compacted;
  }

  async act(action: Action): Promise<void> {
    if (action.kind === "fault") this.brokers.faults = [action.fault];
    else if (action.kind === "restart") this.#lose(action.writers, action.zombies);
    else {
      try {
        await this.#act(action, await this.#running());
      } catch (error) {
        if (!isExpected(error)) throw error;
        this.#lose(this.writers, false);
      }
      await this.#runZombies();
    }
  }

  async #act(action: Exclude<Action, { kind: "fault" | "restart" }>, attempt: Attempt): Promise<void> {
    const { writers } = attempt;
    if (action.kind === "flush") for (const writer of writers) await writer.flush?.();
    else if (action.kind === "checkpoint") await this.#take(attempt, action.outcome);
    else {
      const value = this.#next++;
      this.#unsaved.push(value);
      await writers[action.writer % writers.length]?.write(value, NO_TIMESTAMP);
    }
  }

  async #take(attempt: Attempt, outcome: (Action & { kind: "checkpoint" })["outcome"]): Promise<void> {
    const checkpoint = ++this.#checkpoint;
    for (const [at, writer] of attempt.writers.entries()) {
      const prepared = structuredClone(await writer.prepare?.(checkpoint));
      if (prepared !== undefined) attempt.parts[at]?.push({ checkpoint, prepared });
    }
    if (outcome === "lost") return;
    const kept = await retainedBy(attempt);
    this.#restored = structuredClone({ checkpoint, parts: attempt.parts.flat() });
    this.#retained = kept;
    this.saved.push(...this.#unsaved);
    this.#unsaved = [];
    if (outcome === "complete") {
      for (const [at, writer] of attempt.writers.entries()) await commitAll(writer, attempt.parts[at] ?? []);
      return;
    }
    this.#lose(this.writers, false);
    if (outcome === "then an outage") this.brokers.expire();
  }

  #lose(writers: number, zombies: boolean): void {
    const lost = this.#attempt;
    this.#attempt = undefined;
    this.#unsaved = [];
    this.writers = writers;
    if (lost === undefined) return;
    if (zombies) this.#zombies.push(lost);
    else for (const process of lost.processes) process.dead = true;
  }

  async #running(): Promise<Attempt> {
    if (this.#attempt !== undefined) return this.#attempt;
    this.#attempts++;
    const count = this.writers;
    const processes = Array.from({ length: count }, () => ({ dead: false }));
    const restored = structuredClone(this.#restored);
    const writers = processes.map((process, subtask) => {
      const options = { subtask, parallelism: count, attempt: this.#attempts, ...(restored && { restored }) };
      return new TransactionalWriter(settings, fakeContext(options), this.brokers.connect(process));
    });
    this.#attempt = { writers, processes, parts: writers.map(() => []) };
    await Promise.all(writers.map((writer) => writer.open()));
    for (const [at, part] of (restored?.parts ?? []).entries())
      await writers[at % count]?.commit(part.checkpoint, part.prepared, piecesOf(this.#retained, part.prepared));
    return this.#attempt;
  }

  /** They prepare what no checkpoint will hold, and commit what they know to be complete. */
  async #runZombies(): Promise<void> {
    const complete = this.#restored?.checkpoint ?? 0;
    for (const zombie of this.#zombies) {
      for (const [at, writer] of zombie.writers.entries()) {
        const known = (zombie.parts[at] ?? []).filter(({ checkpoint }) => checkpoint <= complete);
        await ignoring(async () => writer.write(-1, NO_TIMESTAMP));
        await ignoring(async () => writer.prepare?.(this.#checkpoint + 1));
        if (this.#isMine(known)) await ignoring(() => commitAll(writer, known));
      }
    }
  }

  /** A part whose checkpoint came to nothing is void: nobody tells a zombie that it is complete. */
  #isMine(parts: readonly PreparedPart[]): boolean {
    const named = new Set(this.#restored?.parts.map(({ prepared }) => JSON.stringify(prepared)));
    return parts.every(({ prepared }) => named.has(JSON.stringify(prepared)));
  }

  /** Everything goes well from now on. */
  async settle(): Promise<void> {
    this.brokers.faults = [];
    for (let left = 10; left > 0; left--) {
      try {
        this.#lose(2, false);
        await this.#running();
        return;
      } catch (error) {
        if (!isExpected(error)) throw error;
      }
    }
    throw new Error("the job does not come to rest");
  }
}

/** What a checkpoint reads of the writers' parts, by their names. */
async function retainedBy({ writers, parts }: Attempt): Promise<Map<string, readonly Uint8Array[]>> {
  const retained = new Map<string, readonly Uint8Array[]>();
  for (const [at, writer] of writers.entries()) {
    for (const { prepared } of parts[at] ?? []) {
      const pieces: Uint8Array[] = [];
      for await (const piece of writer.retained?.(prepared) ?? []) pieces.push(Uint8Array.from(piece));
      retained.set(JSON.stringify(prepared), pieces);
    }
  }
  return retained;
}

describe("the transactional writer", () => {
  test.each([
    ["keeps what was aborted", false],
    ["is compacted", true],
  ])(
    "shows each record of complete checkpoints once, whatever fails at whichever step, in a topic that %s",
    {
      timeout: 60_000,
    },
    async (_, compacted) => {
      await fc.assert(
        fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
          const job = new Job(compacted);
          for (const each of actions) await job.act(each);
          await job.settle();
          expect(job.brokers.visible.map(Number).toSorted((a, b) => a - b)).toEqual(
            job.saved.toSorted((a, b) => a - b),
          );
        }),
        { numRuns: 300 },
      );
    },
  );
});
