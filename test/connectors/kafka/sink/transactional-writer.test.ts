/** The transactional writer case by case; `transactional-protocol.test.ts` has all that may happen to it. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PreparedTransaction } from "../../../../connectors/kafka/sink/prepared-transaction.ts";
import { TransactionalWriter } from "../../../../connectors/kafka/sink/transactional-writer.ts";
import type { PreparedPart, SinkWriter } from "../../../../core/sink.ts";
import { NO_TIMESTAMP } from "../../../../core/time.ts";
import { twoPhaseSinkConformance } from "../../../conformance/two-phase-sink.ts";
import { fakeContext, type ManualClock } from "../../fake-context.ts";
import { FakeBrokers } from "./fake-brokers.ts";
import { commitAll, connected, ignoring, piecesOf, settings } from "./writer-on-fakes.ts";

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

test("what was written again is not written once more where a broker takes over that does not show it yet", async () => {
  const brokers = new FakeBrokers();
  const { writer, part } = await prepared(brokers);
  brokers.expire();
  await writer.commit?.(1, part);
  brokers.takeOver();
  const next = connected(fakeContext({ restored: { checkpoint: 1, parts: [] } }), brokers);
  await next.commit?.(1, part);
  expect([brokers.visible, brokers.open]).toEqual([["1"], []]);
});

test("what a subtask that is no more has sent before comes to nothing behind the restart, though nothing was open then", async () => {
  const brokers = new FakeBrokers();
  const left = connected(fakeContext({ subtask: 1, parallelism: 2 }), brokers);
  await left.open?.();
  const next = connected(fakeContext({ subtask: 0, parallelism: 1 }), brokers);
  await next.open?.();
  await ignoring(async () => {
    await left.write(1, NO_TIMESTAMP);
    await left.prepare?.(1);
  });
  expect([brokers.open, brokers.visible]).toEqual([[], []]);
});

test("a job that goes on without a lineage of its own ends what was open under the ids that it goes on from", async () => {
  const brokers = new FakeBrokers();
  const { writer, part } = await prepared(brokers);
  await writer.write(2, NO_TIMESTAMP);
  await writer.flush?.();
  await expect.poll(() => brokers.open).toHaveLength(2);
  const restored = { checkpoint: 1, parts: [{ checkpoint: 1, prepared: part }] };
  const next = connected({ ...fakeContext({ restored }), lineage: undefined }, brokers);
  await next.open?.();
  await next.commit?.(1, part);
  expect([brokers.open, brokers.visible]).toEqual([[], ["1"]]);
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
