/**
 * The sink's protocol on brokers in memory: whatever dies at whichever step, whatever expires and whoever still runs though
 * he was taken for dead, what is visible in the end is what was written before the last complete checkpoint, once.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PreparedTransaction } from "../../../../connectors/kafka/sink/prepared-transaction.ts";
import { settingsOf } from "../../../../connectors/kafka/sink/settings.ts";
import { TransactionalWriter } from "../../../../connectors/kafka/sink/transactional-writer.ts";
import type { PreparedPart, RestoredSink, SinkWriter } from "../../../../core/sink.ts";
import { NO_TIMESTAMP } from "../../../../core/time.ts";
import { twoPhaseSinkConformance } from "../../../conformance/two-phase-sink.ts";
import { fakeContext, type ManualClock } from "../../fake-context.ts";
import { Crash, FakeBrokers, type Fault } from "./fake-brokers.ts";

const settings = settingsOf<number>({
  brokers: "127.0.0.1:1",
  topic: "t",
  key: (value) => `${value % 7}`,
  value: (value) => `${value}`,
  guarantee: "exactly-once",
  batchBytes: 100,
});

twoPhaseSinkConformance("the transactional writer", () => {
  const brokers = new FakeBrokers();
  return {
    sink: Object.freeze({
      name: "fake",
      writer: (context: Parameters<typeof connected>[0]) => connected(context, brokers),
    }),
    visible: async () => brokers.visible.map(Number),
    leftovers: async () => brokers.open.length,
  };
});

function connected(context: ReturnType<typeof fakeContext>, brokers: FakeBrokers): SinkWriter<number> {
  return new TransactionalWriter(settings, context, brokers.connect({ dead: false }));
}

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
  kind: fc.constantFrom("before" as const, "after" as const, "expire" as const),
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

function isExpected(error: unknown): boolean {
  const { code } = error as { readonly code?: string };
  return error instanceof Crash || ["KAFKA_FENCED", "KAFKA_REFUSED", "KAFKA_ABORTED"].includes(code ?? "");
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

function piecesOf(retained: ReadonlyMap<string, readonly Uint8Array[]>, prepared: unknown): AsyncIterable<Uint8Array> {
  return {
    async *[Symbol.asyncIterator]() {
      yield* retained.get(JSON.stringify(prepared)) ?? [];
    },
  };
}

async function ignoring(step: () => unknown): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (!isExpected(error)) throw error;
  }
}

async function commitAll(writer: SinkWriter<number>, parts: PreparedPart[]): Promise<void> {
  for (const part of [...parts]) {
    await writer.commit?.(part.checkpoint, part.prepared);
    parts.splice(parts.indexOf(part), 1);
  }
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

/** A writer that has prepared one record for checkpoint 1 and lived on, or not. */
async function prepared(brokers: FakeBrokers) {
  const context = fakeContext();
  const writer = connected(context, brokers);
  await writer.open?.();
  await writer.write(1, NO_TIMESTAMP);
  return { writer, context, part: structuredClone(await writer.prepare?.(1)) };
}

test("of two processes that write the same again, in whatever order they take their steps, one gets to its end", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const brokers = new FakeBrokers();
      const { writer, part } = await prepared(brokers);
      brokers.expire();
      const other = connected(fakeContext(), brokers);
      brokers.turn = () => scheduler.schedule(Promise.resolve());
      const both = [writer, other].map((each) => ignoring(() => each.commit?.(1, part)));
      await scheduler.waitFor(Promise.all(both));
      brokers.turn = () => Promise.resolve();
      await other.commit?.(1, part);
      expect(brokers.visible).toEqual(["1"]);
    }),
    { numRuns: 500 },
  );
});

test("transactions that wait for their checkpoint are left alone, however many there are", async () => {
  const brokers = new FakeBrokers();
  const context = fakeContext();
  const writer = connected(context, brokers);
  await writer.open?.();
  const parts: PreparedPart[] = [];
  for (let checkpoint = 1; checkpoint <= 10; checkpoint++) {
    await writer.write(checkpoint, NO_TIMESTAMP);
    parts.push({ checkpoint, prepared: await writer.prepare?.(checkpoint) });
  }
  await commitAll(writer, parts);
  expect(brokers.visible.map(Number).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(context.reported.counters.get("transactionsWrittenAgain")).toBe(undefined);
});

test("a subtask takes its ids in turns, and few of them", async () => {
  const brokers = new FakeBrokers();
  const writer = connected(fakeContext(), brokers);
  await writer.open?.();
  const ids = new Set<string>();
  for (let checkpoint = 1; checkpoint <= 20; checkpoint++) {
    await writer.write(checkpoint, NO_TIMESTAMP);
    const part = (await writer.prepare?.(checkpoint)) as PreparedTransaction;
    ids.add(part.transactionalId);
    await writer.commit?.(checkpoint, part);
  }
  expect(ids.size).toBeLessThanOrEqual(4);
});

test("a transaction that was aborted is written again, and counted", async () => {
  const brokers = new FakeBrokers();
  const { writer, context, part } = await prepared(brokers);
  brokers.expire();
  await writer.commit?.(1, part);
  expect(brokers.visible).toEqual(["1"]);
  expect(context.reported.counters.get("transactionsWrittenAgain")).toBe(1);
});

test("a checkpoint is asked for once, when there is something of which it shows the first output", async () => {
  const context = fakeContext();
  const writer = connected(context, new FakeBrokers());
  await writer.open?.();
  await writer.flush?.();
  expect(context.reported.wanted).toBe(0);
  for (const value of [1, 2]) {
    await writer.write(value, NO_TIMESTAMP);
    await writer.flush?.();
    expect(context.reported.wanted).toBe(1);
  }
});

describe("of a compacted topic, whose log loses what was aborted,", () => {
  test("the checkpoint keeps the batches, and whoever goes on from it writes them again", async () => {
    const brokers = new FakeBrokers();
    brokers.compacted = true;
    const { writer, part } = await prepared(brokers);
    const pieces: Uint8Array[] = [];
    for await (const piece of writer.retained?.(part) ?? []) pieces.push(piece);
    expect(pieces.length).toBe(1);
    brokers.expire();
    await expect(writer.commit?.(1, part)).rejects.toMatchObject({ code: "KAFKA_ABORTED" });
    const next = connected(fakeContext({ restored: { checkpoint: 1, parts: [] } }), brokers);
    await next.open?.();
    await next.commit?.(1, part, piecesOf(new Map([[JSON.stringify(part), pieces]]), part));
    expect(brokers.visible).toEqual(["1"]);
  });

  test("a checkpoint is not complete without them", async () => {
    const brokers = new FakeBrokers();
    brokers.compacted = true;
    const { writer, part } = await prepared(brokers);
    const retained = writer.retained?.(part);
    brokers.expire();
    await expect(retained?.[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "KAFKA_ABORTED" });
  });
});

test("of other topics nothing is kept in checkpoints, unless the sink is told so", async () => {
  for (const retainOutput of [undefined, false, true]) {
    const brokers = new FakeBrokers();
    const own = { ...settings, retainOutput };
    const writer: SinkWriter<number> = new TransactionalWriter(own, fakeContext(), brokers.connect({ dead: false }));
    await writer.open?.();
    await writer.write(1, NO_TIMESTAMP);
    const part = await writer.prepare?.(1);
    expect(writer.retained?.(part) !== undefined).toBe(retainOutput === true);
  }
});

test("warns once of transactions that are open for more than half of their timeout", async () => {
  const steps: string[] = [];
  const context = fakeContext({ reached: (step) => void steps.push(step) });
  const writer = connected(context, new FakeBrokers());
  await writer.open?.();
  for (const [at, openMs] of [299_999, 300_000, 400_000].entries()) {
    await writer.write(at, NO_TIMESTAMP);
    await writer.flush?.();
    await expect.poll(() => steps.filter((step) => step === "kafka.produced").length).toBe(at + 1);
    (context.clock as ManualClock).ms += openMs;
    await writer.prepare?.(at + 1);
    expect(context.reported.logs.length).toBe(at === 0 ? 0 : 1);
  }
});

describe("names what keeps it from being exact:", () => {
  test("records that the log does not have any more", async () => {
    const brokers = new FakeBrokers();
    const { writer, part } = await prepared(brokers);
    brokers.expire();
    brokers.forgetRecords();
    await expect(writer.commit?.(1, part)).rejects.toMatchObject({ code: "KAFKA_OUTPUT_LOST" });
    expect([brokers.open, brokers.visible]).toEqual([[], []]);
  });

  test("an outcome that brokers have forgotten", async () => {
    const brokers = new FakeBrokers();
    const { writer, context, part } = await prepared(brokers);
    brokers.expire();
    (context.clock as ManualClock).ms += 7 * 24 * 60 * 60_000;
    await expect(writer.commit?.(1, part)).rejects.toMatchObject({ code: "KAFKA_OUTCOME_UNKNOWN" });
    expect(brokers.visible).toEqual([]);
  });

  test("a checkpoint behind what is committed", async () => {
    const brokers = new FakeBrokers();
    const { writer, part } = await prepared(brokers);
    await writer.commit?.(1, part);
    const restored = { checkpoint: 0, parts: [] };
    const behind = connected(fakeContext({ restored }), brokers);
    await expect(behind.open?.()).rejects.toMatchObject({ code: "CHECKPOINT_BEHIND_OUTPUT" });
    const foreign = connected(fakeContext({ restored, lineage: "other@1" }), brokers);
    await foreign.open?.();
  });

  test.each([
    ["that was open for too long before it was prepared", 600_000, "KAFKA_ABORTED"],
    ["that somebody else has ended", 599_999, "KAFKA_FENCED"],
  ])("a transaction %s", async (_, openMs, code) => {
    const brokers = new FakeBrokers();
    const context = fakeContext();
    const writer = connected(context, brokers);
    await writer.open?.();
    await writer.write(1, NO_TIMESTAMP);
    await writer.flush?.();
    await expect.poll(() => brokers.open.length).toBe(1);
    brokers.expire();
    (context.clock as ManualClock).ms += openMs;
    await expect(writer.prepare?.(1)).rejects.toMatchObject({ code });
    expect(context.reported.counters.get("transactionsTimedOut")).toBe(code === "KAFKA_ABORTED" ? 1 : undefined);
  });
});
