/**
 * State of several times its memory budget, against the same state in memory. Run: node bench/spill.ts [keys, default 400000]
 *
 * Each record reads and replaces one value of about 300 bytes on the heap. Keys are drawn evenly, the worst there is, or by
 * Zipf's law with exponent 1, as users, items and words come.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { valueState } from "../core/state.ts";
import type { KeyedStateBackend } from "../core/state-backend.ts";
import { createLevelBackend } from "../runtime/state/level-backend.ts";
import { createMemoryBackend } from "../runtime/state/memory-backend.ts";
import { estimateBytes } from "../runtime/state/spill.ts";
import { openSpillDatabase, type SpillDatabase } from "../runtime/state/spill-database.ts";

const KEYS = Number(process.argv[2] ?? 400_000);
const RECORDS = 600_000;
/** After so many records a slot looks around, and waits for the disk if that is behind. */
const BATCH = 1000;
const TIMES_BUDGET = 4;

const options = { operator: "bench", keyGroups: { first: 0, last: 127 }, keyGroupCount: 128 };

interface Profile {
  readonly visits: number;
  readonly spent: number;
  readonly last: string;
  readonly note: string;
}

function profile(visits: number, key: number): Profile {
  return { visits, spent: visits * 1.5, last: `item-${key % 1000}`, note: "n".repeat(150) };
}

function random(): () => number {
  let state = 12345;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Ranks by Zipf's law with exponent 1, about: the logarithm of a rank is spread evenly; ranks are strewn over the keys. */
function keysOf(law: "even" | "zipf"): () => number {
  const next = random();
  if (law === "even") return () => Math.floor(next() * KEYS);
  return () => (Math.floor(KEYS ** next()) * 7919) % KEYS;
}

interface Cost {
  /** Nanoseconds a record, by the clock. */
  readonly clockNs: number;
  /** The same of the thread's processor time: what a busy machine does not change, without what LevelDB does beside it. */
  readonly threadNs: number;
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

async function measure(backend: KeyedStateBackend, law: "even" | "zipf", database?: SpillDatabase): Promise<Cost> {
  const state = backend.state("profile", valueState<Profile>());
  const next = keysOf(law);
  const wait = async () => {
    const overdue = database?.overdue;
    if (overdue !== undefined) await overdue;
    await new Promise((resolve) => setImmediate(resolve));
  };
  const work = async (records: number, keyOf: (i: number) => number) => {
    for (let i = 0; i < records; i++) {
      const key = keyOf(i);
      backend.setCurrentKey(key);
      state.set(profile((state.get()?.visits ?? 0) + 1, key));
      if (i % BATCH === BATCH - 1) await wait();
    }
  };
  await work(KEYS, (i) => i);
  await work(RECORDS / 4, next);
  const start = performance.now();
  const threadStart = threadMs();
  await work(RECORDS, next);
  return {
    clockNs: ((performance.now() - start) * 1e6) / RECORDS,
    threadNs: ((threadMs() - threadStart) * 1e6) / RECORDS,
  };
}

const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
const total = KEYS * estimateBytes(profile(1, 1));
console.log(`${KEYS} keys, ${(total / 1e6).toFixed(0)} MB of values, a budget of a ${TIMES_BUDGET}th`);
for (const law of ["even", "zipf"] as const) {
  const inMemory = await measure(createMemoryBackend(options), law);
  const database = await openSpillDatabase(join(folder, law));
  const spilled = await measure(
    createLevelBackend({ ...options, database, budgetBytes: total / TIMES_BUDGET }),
    law,
    database,
  );
  const share = `${((100 * database.diskReads) / (RECORDS * 1.25)).toFixed(0)} % read from disk`;
  await database.close();
  const ratio = (cost: (of: Cost) => number) => (cost(inMemory) / cost(spilled)).toFixed(2);
  console.log(
    `${law.padEnd(5)} memory ${inMemory.clockNs.toFixed(0)} ns a record, level ${spilled.clockNs.toFixed(0)} ns (${share}): ` +
      `${ratio(({ clockNs }) => clockNs)} of the throughput; of the thread's processor time ${inMemory.threadNs.toFixed(0)} and ` +
      `${spilled.threadNs.toFixed(0)} ns: ${ratio(({ threadNs }) => threadNs)}`,
  );
}
await rm(folder, { recursive: true });
