/**
 * What checkpoints cost a slot. Run: node bench/checkpoint.ts [keys, default 1000000] [changed a checkpoint, default 200000]
 *
 *  1. The longest step of captures, and the longest slice of SLICE_MS that a slot gives them, with processing between.
 *  2. Processing with and without captures under way, in one run: the ratio of their throughputs.
 *  3. The size of a delta beside that of the whole.
 *  4. Writing to LevelDB, and restoring everything from it.
 *
 * Pauses of the garbage collector are reported beside the steps in which they fell: a step in which one fell is longer by it.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PerformanceObserver } from "node:perf_hooks";
import { valueState } from "../core/state.ts";
import type { KeyedStateBackend, StateCapture } from "../core/state-backend.ts";
import { encodeManifest } from "../runtime/state/checkpoint-manifest.ts";
import { openCheckpoint, restoreOperator } from "../runtime/state/checkpoint-reader.ts";
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

const pauses: { readonly start: number; readonly duration: number }[] = [];
const observer = new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) pauses.push({ start: startTime, duration });
});
observer.observe({ entryTypes: ["gc"] });

interface Figures {
  readonly blocks: Uint8Array[];
  steps: number;
  captureMs: number;
  readonly slices: { readonly start: number; readonly duration: number }[];
  readonly stepMs: { readonly start: number; readonly duration: number }[];
}

/** Drives a capture in slices; `between` processes meanwhile. */
function drive(capture: StateCapture, between: () => void): Figures {
  const figures: Figures = { blocks: [], steps: 0, captureMs: 0, slices: [], stepMs: [] };
  while (!capture.done) {
    const start = performance.now();
    let now = start;
    while (!capture.done && now - start < SLICE_MS) {
      const block = capture.step();
      if (block !== undefined) figures.blocks.push(block);
      const after = performance.now();
      figures.stepMs.push({ start: now, duration: after - now });
      now = after;
      figures.steps++;
    }
    figures.slices.push({ start, duration: now - start });
    figures.captureMs += now - start;
    between();
  }
  return figures;
}

const bytesOf = (blocks: readonly Uint8Array[]) => blocks.reduce((sum, { length }) => sum + length, 0);

/** The longest of some spans, all and without what the collector took of them. */
function longest(spans: Figures["slices"]): string {
  const net = spans.map(({ start, duration }) => {
    const inside = pauses.filter((pause) => pause.start >= start && pause.start < start + duration);
    return duration - inside.reduce((sum, pause) => sum + pause.duration, 0);
  });
  const all = Math.max(...spans.map(({ duration }) => duration));
  const sorted = net.toSorted((a, b) => a - b);
  const p99 = sorted[Math.floor(sorted.length * 0.99)] as number;
  return `${all.toFixed(1)} ms, without garbage collection ${Math.max(...net).toFixed(1)} ms, 99 % below ${p99.toFixed(1)} ms`;
}

async function measure({ name, use }: Case): Promise<void> {
  console.log(`\n${name}: ${KEYS} keys, ${CHANGED} changed`);
  const backend = createMemoryBackend(options);
  const change = use(backend);
  for (let key = 0; key < KEYS; key++) change(key);
  const next = randomKeys(KEYS);
  const process = (records: number) => {
    for (let i = 0; i < records; i++) change(next());
  };
  process(2_000_000);
  await new Promise((resolve) => setImmediate(resolve));

  const beginAt = performance.now();
  const first = backend.capture(1);
  const beginMs = performance.now() - beginAt;
  const everything = drive(first, () => process(BETWEEN));
  backend.confirm(1);
  const deltas: Figures[] = [];
  let betweenMs = 0;
  let betweenRecords = 0;
  let quietMs = 0;
  let quietRecords = 0;
  for (let id = 2; id <= 6; id++) {
    driven(backend.capture(1000 * id)); // what was changed so far goes into a checkpoint of its own
    backend.confirm(1000 * id);
    for (let key = 0; key < CHANGED; key++) change(Math.floor((key * KEYS) / CHANGED));
    const quietAt = performance.now();
    process(20 * BETWEEN);
    quietMs += performance.now() - quietAt;
    quietRecords += 20 * BETWEEN;
    const capture = backend.capture(1000 * id + 1);
    deltas.push(
      drive(capture, () => {
        const at = performance.now();
        process(BETWEEN);
        betweenMs += performance.now() - at;
        betweenRecords += BETWEEN;
      }),
    );
    backend.confirm(1000 * id + 1);
  }
  await new Promise((resolve) => setImmediate(resolve));
  const delta = deltas.at(-1) as Figures;
  console.log(`  the barrier itself                ${beginMs.toFixed(2)} ms`);
  console.log(`  longest slice, everything         ${longest(everything.slices)}`);
  console.log(`  longest slice, deltas             ${longest(deltas.flatMap(({ slices }) => slices))}`);
  console.log(`  longest step, deltas              ${longest(deltas.flatMap(({ stepMs }) => stepMs))}`);
  console.log(
    `  time of a delta's steps together  ${(deltas.reduce((sum, each) => sum + each.captureMs, 0) / deltas.length).toFixed(0)} ms`,
  );
  const slower = betweenMs / betweenRecords / (quietMs / quietRecords);
  console.log(`  a record while a capture is driven costs ${slower.toFixed(2)} × one without`);
  console.log(`  bytes: everything ${bytesOf(everything.blocks)}, delta ${bytesOf(delta.blocks)}`);
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
  store = await openLevelStore(folder);
  const backend = createMemoryBackend(options);
  const checkpoint = await openCheckpoint(store, name);
  await restoreOperator(store, checkpoint, OPERATOR, options.keyGroups, backend, undefined);
  const readMs = performance.now() - readAt;
  await store.close();
  await rm(folder, { recursive: true });
  console.log(`  everything into LevelDB, synced   ${writeMs.toFixed(0)} ms in ${blocks.length} blocks`);
  console.log(`  everything restored from LevelDB  ${readMs.toFixed(0)} ms`);
}

for (const each of cases) await measure(each);
observer.disconnect();
