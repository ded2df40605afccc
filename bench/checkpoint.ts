/**
 * What checkpoints cost a slot. Run: node bench/checkpoint.ts [keys, default 1000000] [changed a checkpoint, default 200000]
 *
 *  1. The longest step of captures, and the longest slice of SLICE_MS that a slot gives them, with processing between.
 *  2. Processing with and without captures under way, in one run: the ratio of their throughputs.
 *  3. The size of a delta beside that of the whole.
 *  4. Writing to LevelDB, and restoring everything from it.
 *
 * Slices are timed twice: by the clock, which counts what other processes of the machine took, and by the CPU time of this
 * thread, which does not. Collections of garbage are reported by themselves, with and without captures.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PerformanceObserver } from "node:perf_hooks";
import { valueState } from "../core/state.ts";
import type { KeyedStateBackend, StateCapture } from "../core/state-backend.ts";
import { encodeManifest } from "../runtime/state/checkpoint-manifest.ts";
import { openCheckpoint, readOperator } from "../runtime/state/checkpoint-reader.ts";
import { checkpointName } from "../runtime/state/checkpoint-store.ts";
import { CheckpointWriter } from "../runtime/state/checkpoint-writer.ts";
import { openLevelStore } from "../runtime/state/level-store.ts";
import { createMemoryBackend } from "../runtime/state/memory-backend.ts";

const KEYS = Number(process.argv[2] ?? 1_000_000);
const CHANGED = Number(process.argv[3] ?? 200_000);
const SLICE_MS = 2;
/** Records that are processed between two slices: about a slot's time slice. */
const BETWEEN = 8000;
const OPERATOR = "bench";

const options = { operator: OPERATOR, keyGroups: { first: 0, last: 127 }, keyGroupCount: 128 };

interface Case {
  readonly name: string;
  /** Changes the state of a key. */
  readonly use: (backend: KeyedStateBackend) => (key: number) => void;
}

const cases: readonly Case[] = [
  {
    name: "window counts (one float64 a key)",
    use: (backend) => {
      const pane = backend.table("panes", { numbers: 1, values: false }).pane(0);
      return (key) => {
        const slot = pane.slotOf(key * 7 + 1);
        const column = pane.numbers[0] as Float64Array;
        column[slot] = (column[slot] as number) + 1;
      };
    },
  },
  {
    name: "value state of objects with 3 fields",
    use: (backend) => {
      const state = backend.state("v", valueState<{ count: number; sum: number; name: string }>());
      return (key) => {
        backend.setCurrentKey(key * 7 + 1);
        const was = state.get();
        state.set({ count: (was?.count ?? 0) + 1, sum: (was?.sum ?? 0) + key, name: was?.name ?? `name ${key % 100}` });
      };
    },
  },
];

function randomKeys(count: number): () => number {
  let state = 12345;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % count;
  };
}

/** The longest pauses of the garbage collector since the last call. */
let collected: number[] = [];
const observer = new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) collected.push(duration);
});
observer.observe({ entryTypes: ["gc"] });

async function collections(): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, 10));
  const pauses = collected;
  collected = [];
  return `${pauses.length}, longest ${Math.max(0, ...pauses).toFixed(1)} ms`;
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

interface Figures {
  readonly blocks: Uint8Array[];
  /** By slice. */
  readonly wallMs: number[];
  readonly cpuMs: number[];
}

/** Drives a capture in slices; `between` processes meanwhile. */
function drive(capture: StateCapture, between: () => void): Figures {
  const figures: Figures = { blocks: [], wallMs: [], cpuMs: [] };
  while (!capture.done) {
    const start = performance.now();
    const cpuStart = cpuMs();
    while (!capture.done && performance.now() - start < SLICE_MS) {
      const block = capture.step();
      if (block !== undefined) figures.blocks.push(block);
    }
    figures.wallMs.push(performance.now() - start);
    figures.cpuMs.push(cpuMs() - cpuStart);
    between();
  }
  return figures;
}

const bytesOf = (blocks: readonly Uint8Array[]) => blocks.reduce((sum, { length }) => sum + length, 0);

function longest(figures: readonly Figures[]): string {
  const cpu = figures.flatMap((each) => each.cpuMs).toSorted((x, y) => x - y);
  const wall = figures.flatMap((each) => each.wallMs);
  const p99 = cpu[Math.floor(cpu.length * 0.99)] as number;
  const sum = cpu.reduce((total, each) => total + each, 0) / figures.length;
  return `CPU ${(cpu.at(-1) as number).toFixed(1)} ms (99 % below ${p99.toFixed(1)}), clock ${Math.max(...wall).toFixed(1)} ms; together ${sum.toFixed(0)} ms CPU`;
}

async function measure({ name, use }: Case): Promise<void> {
  console.log(`\n${name}: ${KEYS} keys, ${CHANGED} changed`);
  const backend = createMemoryBackend(options);
  const change = use(backend);
  for (let key = 0; key < KEYS; key++) change(key);
  const next = randomKeys(KEYS);
  const work = (records: number) => {
    for (let i = 0; i < records; i++) change(next());
  };
  work(2_000_000);
  await collections();
  const beginAt = performance.now();
  const first = backend.capture(1);
  const beginMs = performance.now() - beginAt;
  const everything = drive(first, () => work(BETWEEN));
  backend.confirm(1);
  const collectedFirst = await collections();

  const deltas: Figures[] = [];
  let [besideMs, besideRecords, aloneMs, aloneRecords] = [0, 0, 0, 0];
  const collectedAlone: string[] = [];
  const collectedBeside: string[] = [];
  for (let id = 2; id <= 6; id++) {
    driven(backend.capture(1000 * id)); // what was changed so far goes into a checkpoint of its own
    backend.confirm(1000 * id);
    for (let key = 0; key < CHANGED; key++) change(Math.floor((key * KEYS) / CHANGED));
    await collections();
    const aloneAt = cpuMs();
    work(40 * BETWEEN);
    aloneMs += cpuMs() - aloneAt;
    aloneRecords += 40 * BETWEEN;
    collectedAlone.push(await collections());
    driven(backend.capture(1000 * id + 1));
    backend.confirm(1000 * id + 1);
    for (let key = 0; key < CHANGED; key++) change(Math.floor((key * KEYS) / CHANGED));
    await collections();
    const delta = drive(backend.capture(1000 * id + 2), () => {
      const at = cpuMs();
      work(BETWEEN);
      besideMs += cpuMs() - at;
      besideRecords += BETWEEN;
    });
    deltas.push(delta);
    backend.confirm(1000 * id + 2);
    collectedBeside.push(await collections());
  }
  const slower = besideMs / besideRecords / (aloneMs / aloneRecords);
  console.log(`  the barrier itself            ${beginMs.toFixed(2)} ms`);
  console.log(`  longest slice, everything     ${longest([everything])}; collections ${collectedFirst}`);
  console.log(`  longest slice, five deltas    ${longest(deltas)}`);
  console.log(`  a record beside a capture     ${slower.toFixed(2)} × one without, in CPU time`);
  console.log(`  collections without captures  ${collectedAlone.at(-1)}; with ${collectedBeside.at(-1)}`);
  console.log(
    `  bytes                         everything ${bytesOf(everything.blocks)}, a delta ${bytesOf((deltas.at(-1) as Figures).blocks)}`,
  );
  await measureStore(everything.blocks);
}

function driven(capture: StateCapture): void {
  while (!capture.done) capture.step();
}

async function measureStore(blocks: readonly Uint8Array[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
  let store = await openLevelStore(folder);
  const name = checkpointName(1);
  const writeAt = performance.now();
  const writer = new CheckpointWriter(store, name, "w");
  for (const block of blocks) writer.add(OPERATOR, block);
  await writer.flush();
  const operators = writer.records().map((record) => ({ ...record, parallelism: 1, rest: [] }));
  const head = { checkpoint: 1, lineage: "bench", savepoint: false, createdAtMs: 0, keyGroups: 128 };
  await store.writeManifest(name, encodeManifest({ ...head, chain: [], operators, positions: {}, markers: {} }));
  const writeMs = performance.now() - writeAt;
  await store.close();
  const readAt = performance.now();
  const readCpuAt = process.cpuUsage();
  store = await openLevelStore(folder);
  const backend = createMemoryBackend(options);
  const checkpoint = await openCheckpoint(store, name);
  const read = readOperator(store, checkpoint, OPERATOR, options.keyGroups);
  for await (const { block, where } of read) backend.restoreBlock(block, where);
  const readMs = performance.now() - readAt;
  const { user, system } = process.cpuUsage(readCpuAt);
  await store.close();
  await rm(folder, { recursive: true });
  console.log(`  everything into LevelDB       ${writeMs.toFixed(0)} ms in ${blocks.length} blocks`);
  console.log(
    `  everything restored from it   ${readMs.toFixed(0)} ms by the clock, ${((user + system) / 1000).toFixed(0)} ms CPU of all threads`,
  );
}

for (const each of cases) await measure(each);
observer.disconnect();
