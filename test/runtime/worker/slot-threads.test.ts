import { expect, onTestFinished, test } from "vitest";
import { SLOT_SPARE_MS } from "../../../core/limits.ts";
import { CallbackQueue } from "../../../runtime/task/callback-queue.ts";
import { type SlotThreadOptions, SlotThreads } from "../../../runtime/worker/slot-threads.ts";

/** Threads whose time the test passes. */
function slotThreads(): { threads: SlotThreads; pass: (ms: number) => void } {
  const due = new CallbackQueue();
  let nowMs = 0;
  const threads = new SlotThreads({
    env: { PATH: process.env["PATH"] ?? "" },
    callAfter: (ms, callback) => {
      let wanted = true;
      due.add(nowMs + ms, () => wanted && callback());
      return () => {
        wanted = false;
      };
    },
  });
  onTestFinished(() => threads.endSpares());
  return {
    threads,
    pass: (ms) => {
      nowMs += ms;
      due.runDue(nowMs);
    },
  };
}

const asNodeDecides: SlotThreadOptions = {
  slotHeapMb: undefined,
  onStrayError: (error) => {
    throw error;
  },
};

/** Takes threads and ends them. */
async function taken(threads: SlotThreads, count: number, options = asNodeDecides): Promise<number> {
  const pools = await threads.take(count, options);
  await Promise.all(pools.map((pool) => pool.close()));
  return pools.length;
}

test("threads that were started ahead are given out first, each once, and further ones are started", async () => {
  const { threads } = slotThreads();
  await threads.prepare(2);
  expect(threads.spares).toBe(2);
  const [one] = await threads.take(1, asNodeDecides);
  const [two, three] = await threads.take(2, asNodeDecides);
  expect(new Set([one, two, three]).size).toBe(3);
  expect(threads.spares).toBe(0);
  await Promise.all([one, two, three].map((pool) => pool?.close()));
});

test("asking again adds no more than are missing", async () => {
  const { threads } = slotThreads();
  await threads.prepare(1);
  await Promise.all([threads.prepare(2), threads.prepare(1)]);
  expect(threads.spares).toBe(2);
});

test("threads with a heap of their own size are never those that were started ahead", async () => {
  const { threads } = slotThreads();
  await threads.prepare(1);
  expect(await taken(threads, 1, { ...asNodeDecides, slotHeapMb: 64 })).toBe(1);
  expect(threads.spares).toBe(1);
});

test("what is not used in time ends, and asking again lets it wait longer", async () => {
  const { threads, pass } = slotThreads();
  await threads.prepare(1);
  pass(SLOT_SPARE_MS - 1);
  await threads.prepare(1);
  pass(SLOT_SPARE_MS - 1);
  expect(threads.spares).toBe(1);
  pass(1);
  expect(threads.spares).toBe(0);
  expect(await taken(threads, 1)).toBe(1);
});

test("none is started after all were told to end", async () => {
  const { threads } = slotThreads();
  const preparing = threads.prepare(1);
  await threads.endSpares();
  await preparing;
  expect(threads.spares).toBe(0);
});
