/** Checkpoints from capture to restore, over a store: whole, damaged, merged, retained and discarded. */

import { describe, expect, test } from "vitest";
import { keyGroupsOfSubtask } from "../../../core/key-group.ts";
import { listState, mapState, valueState } from "../../../core/state.ts";
import type { KeyedStateBackend } from "../../../core/state-backend.ts";
import { discardOld } from "../../../runtime/state/checkpoint-keeper.ts";
import {
  type ChainLink,
  type CheckpointManifest,
  decodeManifest,
  encodeManifest,
  manifestCrc,
} from "../../../runtime/state/checkpoint-manifest.ts";
import { checkpointsToTry, openCheckpoint, verifyCheckpoint } from "../../../runtime/state/checkpoint-reader.ts";
import { type CheckpointName, type CheckpointStore, checkpointName } from "../../../runtime/state/checkpoint-store.ts";
import { CheckpointWriter } from "../../../runtime/state/checkpoint-writer.ts";
import { createMemoryBackend } from "../../../runtime/state/memory-backend.ts";
import { MemoryStore } from "../../../runtime/state/memory-store.ts";
import { mergeCheckpoint } from "../../../runtime/state/merge-checkpoint.ts";
import { TimerQueue } from "../../../runtime/task/timer-queue.ts";
import { restoreOperator } from "./restore-operator.ts";

const KEY_GROUPS = 16;
const OPERATOR = "visits";

/** One operator with as many subtasks as asked for, checkpointed as a coordinator would. */
class Job {
  readonly store: MemoryStore;
  readonly subtasks: readonly { readonly state: KeyedStateBackend; readonly timers: TimerQueue }[];
  chain: ChainLink[] = [];
  #next = 1;

  constructor(store = new MemoryStore(), parallelism = 1) {
    this.store = store;
    this.subtasks = Array.from({ length: parallelism }, (_, subtask) => {
      const keyGroups = keyGroupsOfSubtask(subtask, KEY_GROUPS, parallelism);
      const options = { operator: OPERATOR, keyGroups, keyGroupCount: KEY_GROUPS };
      return { state: createMemoryBackend(options), timers: new TimerQueue(options) };
    });
  }

  /** Sets a value, a pane's count and a timer of a key, at whichever subtask has it. */
  use(key: number, value: number): void {
    for (const { state, timers } of this.subtasks) {
      try {
        state.setCurrentKey(key);
        state.state("count", valueState<number>()).set(value);
      } catch {
        continue; // another subtask's key
      }
      state.state("seen", mapState<number, number>()).put(value, key);
      state.state("all", listState<number>()).add(value);
      const pane = state.table("panes", { numbers: 1, values: false }).pane(value);
      const slot = pane.slotOf(key);
      (pane.numbers[0] as Float64Array)[slot] = value;
      timers.register(key, "event", value);
    }
  }

  async checkpoint(savepoint = false): Promise<CheckpointName> {
    const checkpoint = this.#next++;
    const name = checkpointName(checkpoint);
    const writer = new CheckpointWriter(this.store, name, "worker-1");
    let base: number | undefined;
    for (const { state, timers } of this.subtasks) {
      for (const part of [state, timers]) {
        const capture = part.capture(checkpoint, { full: savepoint });
        base = capture.base;
        while (!capture.done) {
          const block = capture.step();
          if (block !== undefined) writer.add(OPERATOR, block);
        }
      }
    }
    await writer.flush();
    const manifest: CheckpointManifest = {
      checkpoint,
      lineage: "job-1",
      savepoint,
      createdAtMs: 0,
      keyGroups: KEY_GROUPS,
      chain: base === undefined ? [] : this.chain,
      operators: writer.records().map((record) => ({ ...record, parallelism: this.subtasks.length, rest: [] })),
      positions: { source: "b2Zmc2V0" },
      markers: { sink: "dHg=" },
    };
    const bytes = encodeManifest(manifest);
    await this.store.writeManifest(name, bytes);
    for (const { state, timers } of this.subtasks)
      for (const part of [state, timers]) savepoint ? part.abort(checkpoint) : part.confirm(checkpoint);
    if (!savepoint) this.chain = [...manifest.chain, { name, crc: manifestCrc(bytes) }];
    return name;
  }

  async restore(name: CheckpointName): Promise<void> {
    const checkpoint = await openCheckpoint(this.store, name);
    for (const { state, timers } of this.subtasks) {
      await restoreOperator(this.store, checkpoint, OPERATOR, state.keyGroups, state, timers);
      timers.restored(undefined);
    }
  }

  /** All that it holds, as text. */
  contents(): string[] {
    const lines: string[] = [];
    for (const { state, timers } of this.subtasks) {
      for (const key of state.keys("count")) {
        state.setCurrentKey(key);
        const map = [...state.state("seen", mapState()).entries()];
        const list = state.state("all", listState()).get();
        lines.push(JSON.stringify([key, state.state("count", valueState()).get(), map, list]));
      }
      const table = state.table("panes", { numbers: 1, values: false });
      for (const namespace of table.namespaces()) {
        const pane = table.pane(namespace);
        for (let slot = 0; slot < pane.size; slot++)
          lines.push(`pane ${namespace} ${pane.keyAt(slot)} ${pane.numbers[0]?.[slot]}`);
      }
      const copy = new TimerQueue({ operator: OPERATOR, keyGroups: state.keyGroups, keyGroupCount: KEY_GROUPS });
      copy.restore(timers.snapshot());
      const fire = ({ key, timestamp }: { readonly key: unknown; readonly timestamp: number }) =>
        lines.push(`timer ${String(key)} ${timestamp}`);
      copy.advance("event", Number.POSITIVE_INFINITY, fire, { blocked: false });
    }
    return lines.sort();
  }

  drop(namespace: number): void {
    for (const { state } of this.subtasks) state.table("panes", { numbers: 1, values: false }).drop(namespace);
  }
}

async function restored(store: MemoryStore, name: CheckpointName, parallelism = 1): Promise<Job> {
  const job = new Job(store, parallelism);
  await job.restore(name);
  return job;
}

/** A job with a base and two deltas, with dropped panes and changed keys. */
async function worked(parallelism = 1): Promise<{ job: Job; names: CheckpointName[]; contents: string[][] }> {
  const job = new Job(new MemoryStore(), parallelism);
  const names: CheckpointName[] = [];
  const contents: string[][] = [];
  for (let round = 0; round < 3; round++) {
    for (let key = 0; key < 40; key++) if (key % (round + 1) === 0) job.use(key, round);
    if (round === 1) job.drop(0);
    names.push(await job.checkpoint());
    contents.push(job.contents());
  }
  return { job, names, contents };
}

test("each checkpoint of a chain restores what stood at its barrier, rescaled from 1 to 8 and back", async () => {
  const { job, names, contents } = await worked();
  for (const [i, name] of names.entries()) {
    for (const parallelism of [1, 2, 8]) {
      expect((await restored(job.store, name, parallelism)).contents()).toEqual(contents[i]);
    }
  }
  const eight = await worked(8);
  expect(eight.contents).toEqual(contents);
  for (const [i, name] of eight.names.entries())
    expect((await restored(eight.job.store, name, 1)).contents()).toEqual(contents[i]);
});

test("a restored subtask reads only the blocks that are about its key groups", async () => {
  const { job, names } = await worked(8);
  const name = names.at(-1) as CheckpointName;
  const read: number[] = [];
  const { store } = job;
  const counting: CheckpointStore = {
    ...({} as CheckpointStore),
    readManifest: (of) => store.readManifest(of),
    readBlocks: (places) => {
      read.push(places.length);
      return store.readBlocks(places);
    },
  };
  const checkpoint = await openCheckpoint(counting, name);
  const all = checkpoint.layers.flatMap(({ manifest }) => manifest.operators.flatMap(({ blocks }) => blocks)).length;
  const target = { restoreBlock: () => {} };
  await restoreOperator(counting, checkpoint, OPERATOR, { first: 0, last: 1 }, target, target);
  expect(read.reduce((a, b) => a + b)).toBeLessThan(all / 4);
});

test("a delta's manifest lists its own blocks and names what it builds on", async () => {
  const { job, names } = await worked();
  const { manifest } = await openCheckpoint(job.store, names[2] as CheckpointName);
  expect(manifest.chain.map(({ name }) => name)).toEqual(names.slice(0, 2));
  expect(manifest.positions).toEqual({ source: "b2Zmc2V0" });
  const [operator] = manifest.operators;
  expect(operator?.states.map(({ name, schemaText }) => `${name} ${schemaText}`)).toContain('seen {"kind":"map"}');
  expect(operator?.blocks.every(({ rows, bytes, first, last }) => rows > 0 && bytes > 0 && first <= last)).toBe(true);
});

test("a savepoint stands alone, and the checkpoints go on building on each other", async () => {
  const job = new Job();
  job.use(1, 1);
  const first = await job.checkpoint();
  job.use(2, 2);
  const savepoint = await job.checkpoint(true);
  const contents = job.contents();
  job.use(3, 3);
  const third = await job.checkpoint();
  const { manifest } = await openCheckpoint(job.store, savepoint);
  expect([manifest.savepoint, manifest.chain]).toEqual([true, []]);
  expect((await openCheckpoint(job.store, third)).manifest.chain.map(({ name }) => name)).toEqual([first]);
  await discardOld(job.store, { retained: 1, underWayFrom: 10 });
  expect((await restored(job.store, savepoint)).contents()).toEqual(contents);
  expect((await restored(job.store, third)).contents()).toEqual(job.contents());
});

type Value = readonly [key: string, bytes: Uint8Array];

describe("damage", () => {
  const named = expect.objectContaining({ code: "STATE_CORRUPT" });

  /** A change of one of the store's values is found when the checkpoint is verified, and when it is restored. */
  async function expectFound(
    values: readonly Value[],
    key: string,
    change: (bytes: Uint8Array) => Uint8Array | undefined,
  ): Promise<void> {
    const store = await storeOf(values);
    store.damage((bytes, of) => (of === key ? change(bytes) : bytes));
    const name = checkpointName(2);
    const check = async () => verifyCheckpoint(store, await openCheckpoint(store, name));
    await expect(check()).rejects.toThrow(named);
    await expect(restored(store, name)).rejects.toThrow(named);
  }

  async function storeOf(values: readonly Value[]): Promise<MemoryStore> {
    const store = new MemoryStore();
    for (const [key, bytes] of values) {
      const [kind, checkpoint, worker = "", number] = key.split("/") as ["b" | "m", CheckpointName, string?, string?];
      if (kind === "m") await store.writeManifest(checkpoint, bytes);
      else await store.writeBlocks({ checkpoint, worker, first: Number(number), blocks: [bytes] });
    }
    return store;
  }

  async function small() {
    const job = new Job();
    job.use(1, 1);
    const names = [await job.checkpoint()];
    job.use(1, 2);
    names.push(await job.checkpoint());
    return { job, names };
  }

  async function values(): Promise<Value[]> {
    const { job } = await small();
    const found: Value[] = [];
    job.store.damage((bytes, key) => {
      found.push([key, bytes]);
      return bytes;
    });
    return found;
  }

  test("every flipped byte of every block and manifest is found and named", async () => {
    const all = await values();
    for (const [key, bytes] of all) {
      for (let at = 0; at < bytes.length; at++)
        await expectFound(all, key, (whole) => whole.map((byte, i) => (i === at ? byte ^ (1 << (at % 8)) : byte)));
    }
  });

  test("every cut, every lost value and every one too long is found and named", async () => {
    const all = await values();
    for (const [key, bytes] of all) {
      for (let length = 0; length < bytes.length; length++)
        await expectFound(all, key, (whole) => whole.slice(0, length));
      await expectFound(all, key, () => undefined);
      await expectFound(all, key, (whole) => Uint8Array.of(...whole, 0));
    }
  });

  test("a whole block in another's place is found", async () => {
    const all = await values();
    const blocks = all.filter(([key]) => key.startsWith("b/"));
    for (const [key, bytes] of blocks) {
      const other = blocks.find(([of, value]) => of !== key && Buffer.compare(value, bytes) !== 0);
      await expectFound(all, key, () => other?.[1]);
    }
  });

  test("the error names the checkpoint, the block and the operator", async () => {
    const { job, names } = await small();
    job.store.damage((bytes, key) => (key === `b/${names[0]}/worker-1/000000000` ? bytes.slice(0, 50) : bytes));
    const act = restored(job.store, names[1] as CheckpointName);
    await expect(act).rejects.toThrow(`block 0 of worker worker-1 in checkpoint ${names[0]}`);
    await expect(act).rejects.toThrow(expect.objectContaining({ operator: OPERATOR }));
  });

  test("a manifest of a newer format is refused as such, and never discarded", async () => {
    const { job, names } = await small();
    const last = names[1] as CheckpointName;
    const bytes = Buffer.from((await job.store.readManifest(last)) as Uint8Array);
    const { crc32 } = await import("node:zlib");
    bytes[4] = 4;
    bytes.writeUInt32LE(crc32(bytes.subarray(16), crc32(bytes.subarray(0, 12))), 12);
    await job.store.writeManifest(last, bytes);
    const newer = expect.objectContaining({ code: "CHECKPOINT_FORMAT" });
    await expect(openCheckpoint(job.store, last)).rejects.toThrow(newer);
    await expect(discardOld(job.store, { retained: 1, underWayFrom: 100 })).rejects.toThrow(newer);
    expect(await job.store.manifests()).toEqual(names);
  });
});

describe("merging", () => {
  test("gives a copy that stands alone and restores the same, in pieces of any size", async () => {
    for (const rangeBytes of [1, 500, 1 << 20]) {
      const { job, names, contents } = await worked(2);
      const merged = await mergeCheckpoint(job.store, names[2] as CheckpointName, { worker: "merger", rangeBytes });
      const { manifest } = await openCheckpoint(job.store, merged);
      expect([manifest.chain, manifest.checkpoint, manifest.markers]).toEqual([[], 3, { sink: "dHg=" }]);
      expect((await restored(job.store, merged, 3)).contents()).toEqual(contents[2]);
      expect((await checkpointsToTry(job.store))[0]).toBe(merged);
    }
  });

  test("lets later checkpoints build on the copy, and the chain behind it go", async () => {
    const { job, names } = await worked();
    const merged = await mergeCheckpoint(job.store, names[2] as CheckpointName, { worker: "merger" });
    const bytes = (await job.store.readManifest(merged)) as Uint8Array;
    job.chain = [{ name: merged, crc: manifestCrc(bytes) }];
    job.use(7, 99);
    const next = await job.checkpoint();
    expect(await discardOld(job.store, { retained: 2, underWayFrom: 5 })).toEqual(names);
    expect(await job.store.manifests()).toEqual([merged, next]);
    expect((await restored(job.store, next)).contents()).toEqual(job.contents());
  });

  test("does not come to a manifest when the chain is damaged", async () => {
    const { job, names } = await worked();
    job.store.damage((bytes, key) => (key.startsWith(`b/${names[1]}`) ? bytes.slice(1) : bytes));
    const act = mergeCheckpoint(job.store, names[2] as CheckpointName, { worker: "merger" });
    await expect(act).rejects.toThrow(expect.objectContaining({ code: "STATE_CORRUPT" }));
    expect(await job.store.manifests()).toEqual(names);
  });
});

describe("discarding", () => {
  test("keeps the newest checkpoints and what they build on", async () => {
    const { job, names, contents } = await worked();
    expect(await discardOld(job.store, { retained: 1, underWayFrom: 4 })).toEqual([]);
    expect((await restored(job.store, names[2] as CheckpointName)).contents()).toEqual(contents[2]);
  });

  test("removes what is behind a self-contained one", async () => {
    const { job, names } = await worked();
    for (const { state, timers } of job.subtasks) {
      state.capture(50).cancel();
      timers.capture(50).cancel();
    }
    const again = await restored(job.store, names[2] as CheckpointName);
    const writer = new CheckpointWriter(job.store, checkpointName(60), "w");
    const [subtask] = again.subtasks;
    const capture = subtask?.state.capture(60);
    while (capture?.done === false) {
      const block = capture.step();
      if (block !== undefined) writer.add(OPERATOR, block);
    }
    await writer.flush();
    const base = decodeManifest(
      (await job.store.readManifest(names[0] as CheckpointName)) as Uint8Array,
      checkpointName(1),
    );
    const operators = writer.records().map((record) => ({ ...record, parallelism: 1, rest: [] }));
    await job.store.writeManifest(checkpointName(60), encodeManifest({ ...base, checkpoint: 60, operators }));
    expect(await discardOld(job.store, { retained: 1, underWayFrom: 61 })).toEqual(names);
    expect(await job.store.manifests()).toEqual([checkpointName(60)]);
  });

  test("removes leftovers, but not of what is under way", async () => {
    const { job } = await worked();
    const block = (checkpoint: number) => ({
      checkpoint: checkpointName(checkpoint),
      worker: "w",
      first: 0,
      blocks: [Uint8Array.of(1)],
    });
    for (const checkpoint of [4, 5, 6]) await job.store.writeBlocks(block(checkpoint));
    expect(await discardOld(job.store, { retained: 3, underWayFrom: 6 })).toEqual([
      checkpointName(4),
      checkpointName(5),
    ]);
    expect(await job.store.checkpointsWithBlocks()).toContain(checkpointName(6));
  });
});

test("after a torn write, a lost sync or a full disk the checkpoint before is whole", async () => {
  for (const fault of ["full", "torn", "unsynced"] as const) {
    const { job, names, contents } = await worked();
    job.use(1, 77);
    job.store.failNext(fault);
    await job.checkpoint().catch(() => {});
    job.store.crash();
    const usable: CheckpointName[] = [];
    for (const name of await checkpointsToTry(job.store)) {
      try {
        await verifyCheckpoint(job.store, await openCheckpoint(job.store, name));
        usable.push(name);
      } catch (error) {
        expect(error).toMatchObject({ code: "STATE_CORRUPT" });
      }
    }
    expect(usable[0]).toBe(names[2]);
    expect((await restored(job.store, usable[0] as CheckpointName)).contents()).toEqual(contents[2]);
  }
});
