import { describe, expect, test } from "vitest";
import type { MillraceError } from "../../../core/errors.ts";
import type { OperatorId, VertexId } from "../../../core/ids.ts";
import { chooseCheckpoint } from "../../../runtime/checkpoints/choose-checkpoint.ts";
import type { WrittenBlocks } from "../../../runtime/checkpoints/manifest-parts.ts";
import { positionIn } from "../../../runtime/checkpoints/manifest-parts.ts";
import { type Acknowledgement, SlotSnapshots } from "../../../runtime/checkpoints/slot-snapshots.ts";
import { CheckpointStats } from "../../../runtime/coordinator/checkpoint-stats.ts";
import { RegionCheckpoints, type RegionCheckpointsOptions } from "../../../runtime/coordinator/region-checkpoints.ts";
import type { SubtaskSnapshot } from "../../../runtime/protocol.ts";
import { type CheckpointManifest, decodeManifest } from "../../../runtime/state/checkpoint-manifest.ts";
import { openCheckpoint, readOperator } from "../../../runtime/state/checkpoint-reader.ts";
import { checkpointName } from "../../../runtime/state/checkpoint-store.ts";
import { inFlightBlock } from "../../../runtime/state/in-flight-block.ts";
import { createMemoryBackend } from "../../../runtime/state/memory-backend.ts";
import { MemoryStore } from "../../../runtime/state/memory-store.ts";
import { mergeCheckpoint } from "../../../runtime/state/merge-checkpoint.ts";
import { items, nothing } from "../graph/programs.ts";
import { plannedJob } from "./fixtures/planned-jobs.ts";

const source = "items" as VertexId;
const counted = "counted" as OperatorId;
const { jobGraph } = plannedJob((env) =>
  env
    .from(items("items"))
    .keyBy((item) => item.id)
    .process(counted, { process: () => {} })
    .to(nothing, { name: "rows" }),
);

/** One slot with a counter in a real backend, whose time and store are the test's. */
class Region {
  readonly store = new MemoryStore();
  readonly told: string[] = [];
  readonly completed: CheckpointManifest[] = [];
  readonly stats = new CheckpointStats();
  readonly checkpoints: RegionCheckpoints;
  readonly snapshots: SlotSnapshots;
  failure: MillraceError | undefined;
  /** The stores that have what is written; undefined: all reach the same one. */
  holders: readonly string[] | undefined;
  nowMs = 1000;
  wallAheadMs = 0;
  #backend = createMemoryBackend({ operator: counted, keyGroups: { first: 0, last: 127 }, keyGroupCount: 128 });
  #ring: (() => void) | undefined;

  constructor(options: Partial<RegionCheckpointsOptions> = {}) {
    this.snapshots = new SlotSnapshots({
      worker: "here",
      acknowledge: (acknowledgement) => {
        const { holders } = this;
        this.checkpoints.acknowledged({ ...acknowledgement, ...(holders === undefined ? {} : { holders }) });
      },
      decline: (checkpoint, cause) => this.checkpoints.declined(checkpoint, cause),
    });
    this.checkpoints = new RegionCheckpoints({
      ...{ region: 0, lineage: "job@1", jobGraph, retained: 2, store: async () => this.store, stats: this.stats },
      rules: { intervalMs: 100, minPauseMs: 0, timeoutMs: 1000, tolerated: 0 },
      nowMs: () => this.nowMs + this.wallAheadMs,
      monotonicMs: () => this.nowMs,
      callAfter: (_, callback) => {
        this.#ring = callback;
        return () => {
          this.#ring = undefined;
        };
      },
      log: () => {},
      merge: (name) => mergeCheckpoint(this.store, name, { worker: "merger" }),
      keepOutput: async () => {},
      completed: async (manifest) => void this.completed.push(manifest),
      fail: (error) => {
        this.failure = error;
      },
      ...options,
    });
  }

  open(last = 0): void {
    this.#backend = createMemoryBackend({
      ...{ operator: counted, keyGroups: { first: 0, last: 127 }, keyGroupCount: 128 },
    });
    this.checkpoints.open(
      {
        slots: [0],
        dealers: new Map([[source, 0]]),
        begin: (checkpoint, savepoint) => {
          const { folder, ends } = savepoint ?? {};
          const how = ends === undefined ? "" : `, ${ends}`;
          this.told.push(`begin ${checkpoint}${folder === undefined ? "" : ` in ${folder}`}${how}`);
          this.snapshots.begin(checkpoint, [0], Promise.resolve(this.store));
        },
        overtake: (checkpoint) => this.told.push(`overtake ${checkpoint}`),
        cut: (checkpoint, of, lastSerials) => this.told.push(`cut ${checkpoint} of ${of} behind ${lastSerials}`),
        ended: (checkpoint, complete) => {
          this.told.push(`${checkpoint} ${complete ? "complete" : "nothing"}`);
          this.snapshots.ended(checkpoint);
          if (complete) this.#backend.confirm(checkpoint);
          else this.#backend.abort(checkpoint);
        },
      },
      last,
    );
  }

  /** Lets the time come for which it waits. */
  async after(ms: number): Promise<void> {
    this.nowMs += ms;
    this.#ring?.();
    await this.settle();
  }

  count(key: number): void {
    this.#backend.setCurrentKey(key);
    const state = this.#backend.state("count", { kind: "value" } as never) as never as {
      get(): number | undefined;
      set(value: number): void;
    };
    state.set((state.get() ?? 0) + 1);
  }

  /** What a slot does at a barrier. */
  async snapshot(checkpoint: number): Promise<void> {
    const capture = this.#backend.capture(checkpoint);
    while (!capture.done) {
      const block = capture.step();
      if (block !== undefined) this.snapshots.blocks(checkpoint, counted, [block]);
    }
    const subtask: SubtaskSnapshot = {
      ...{ vertex: source, subtask: 0, finished: false, operators: [], commits: [] },
      source: { lastSerial: checkpoint * 10, current: Uint8Array.of(checkpoint) },
    };
    this.snapshots.snapshotted(0, checkpoint, [subtask]);
    await this.settle();
  }

  async cut(checkpoint: number): Promise<void> {
    this.checkpoints.receive({
      kind: "enumeratorCut",
      checkpoint,
      vertex: source,
      state: Uint8Array.of(100 + checkpoint),
    });
    await this.settle();
  }

  async take(checkpoint: number): Promise<void> {
    await this.after(100);
    await this.snapshot(checkpoint);
    await this.cut(checkpoint);
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    await this.checkpoints.settled();
  }

  async manifest(checkpoint: number): Promise<CheckpointManifest> {
    const name = checkpointName(checkpoint);
    return decodeManifest((await this.store.readManifest(name)) as Uint8Array, name);
  }
}

describe("the checkpoints of a region", () => {
  test("go from the slots by the store and the record to the sinks", async () => {
    const region = new Region();
    region.open();
    region.count(1);
    await region.take(1);
    expect(region.told).toEqual(["begin 1", "cut 1 of items behind 10", "1 complete"]);
    expect(region.completed.map(({ checkpoint }) => checkpoint)).toEqual([1]);
    const manifest = await region.manifest(1);
    expect(manifest.operators.map(({ operator }) => operator)).toEqual([counted]);
    expect(positionIn(manifest, source)).toEqual({ enumerator: Uint8Array.of(101), current: [Uint8Array.of(1)] });
    expect(region.stats.latest.completed).toMatchObject({ checkpoint: 1, acknowledged: 1, status: "COMPLETED" });
  });

  test("are complete when what is kept of the output is safe, and come to nothing where it is not", async () => {
    const kept = Promise.withResolvers<void>();
    let isFull = false;
    const region = new Region({
      keepOutput: () => (isFull ? Promise.reject(new Error("the disk is full")) : kept.promise),
      rules: { intervalMs: 100, minPauseMs: 0, timeoutMs: 1000, tolerated: 1 },
    });
    region.open();
    const taken = region.take(1);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    expect([await region.store.manifests(), region.told.at(-1)]).toEqual([[], "cut 1 of items behind 10"]);
    kept.resolve();
    await taken;
    expect([await region.store.manifests(), region.told.at(-1)]).toEqual([[checkpointName(1)], "1 complete"]);
    isFull = true;
    await region.take(2);
    expect([await region.store.manifests(), region.told.at(-1)]).toEqual([[checkpointName(1)], "2 nothing"]);
  });

  test("build on the one before within an attempt, and on none in the next", async () => {
    const region = new Region();
    region.open();
    for (const checkpoint of [1, 2]) {
      region.count(checkpoint);
      await region.take(checkpoint);
    }
    expect((await region.manifest(2)).chain.map(({ name }) => name)).toEqual([checkpointName(1)]);
    region.checkpoints.close();
    region.open(2);
    region.count(3);
    await region.take(3);
    expect((await region.manifest(3)).chain).toEqual([]);
  });

  test("are taken at their intervals when the wall clock jumps, back or ahead", async () => {
    const region = new Region();
    region.open();
    for (const [at, jumpMs] of [0, -3_600_000, 7_200_000].entries()) {
      region.wallAheadMs += jumpMs;
      await region.take(at + 1);
    }
    expect(region.told.filter((told) => told.startsWith("begin"))).toEqual(["begin 1", "begin 2", "begin 3"]);
    expect(region.told.filter((told) => told.endsWith("nothing"))).toEqual([]);
  });

  test("keep as many as are retained, and what these build on", async () => {
    const region = new Region();
    region.open();
    for (const checkpoint of [1, 2, 3, 4]) {
      region.count(checkpoint);
      await region.take(checkpoint);
    }
    region.checkpoints.close();
    region.open(4);
    for (const checkpoint of [5, 6]) await region.take(checkpoint);
    expect(await region.store.manifests()).toEqual([5, 6].map((checkpoint) => checkpointName(checkpoint)));
    expect(await region.store.checkpointsWithBlocks()).toEqual([]);
  });

  test("merge a long chain, and go on from the copy", async () => {
    const region = new Region();
    region.open();
    for (let checkpoint = 1; checkpoint <= 13; checkpoint++) {
      region.count(checkpoint % 3);
      await region.take(checkpoint);
    }
    const chain = (await region.manifest(13)).chain.map(({ name }) => name);
    expect(chain[0]).toBe(checkpointName(11, true));
    expect(chain).toHaveLength(2);
    const opened = await openCheckpoint(region.store, checkpointName(13));
    const restored = createMemoryBackend({ operator: counted, keyGroups: { first: 0, last: 127 }, keyGroupCount: 128 });
    for await (const { block, where } of readOperator(region.store, opened, counted, { first: 0, last: 127 }))
      restored.restoreBlock(block, where);
    const counts = [0, 1, 2].map((key) => {
      restored.setCurrentKey(key);
      return (restored.state("count", { kind: "value" } as never) as never as { get(): number }).get();
    });
    expect(counts).toEqual([4, 5, 4]);
  });

  test("that have fewer copies than they could have are merged at once, and the newest is built on the copy", async () => {
    const asked: (readonly string[])[] = [];
    const region = new Region({
      lackCopies: async (names) => {
        asked.push(names);
        return asked.length === 2;
      },
    });
    region.open();
    for (const checkpoint of [1, 2, 3]) {
      region.count(checkpoint);
      await region.take(checkpoint);
    }
    const copy = checkpointName(2, true);
    expect((await region.manifest(3)).chain.map(({ name }) => name)).toEqual([copy]);
    expect(asked).toEqual([[checkpointName(1)], [checkpointName(1), checkpointName(2)], [copy, checkpointName(3)]]);
  });

  test("people are told when they are kept on fewer hosts than before, and when on as many again", async () => {
    const logged: string[] = [];
    const region = new Region({ log: (level, message) => level !== "debug" && logged.push(`${level} ${message}`) });
    region.open();
    for (const [at, holders] of [["x", "y"], ["x", "y"], ["x"], ["x"], ["x", "z"]].entries()) {
      region.holders = holders;
      region.count(at);
      await region.take(at + 1);
    }
    expect(logged).toEqual([
      "warn checkpoints are kept on 1 host instead of 2",
      "info checkpoints are kept on 2 hosts instead of 1",
    ]);
    expect(region.stats.entries.map(({ copies }) => copies)).toEqual([2, 2, 1, 1, 2]);
  });

  test("fail with what the store answered, and so does the region when no failure is tolerated", async () => {
    const region = new Region();
    region.open();
    region.count(1);
    await region.after(100);
    region.store.failNext("full");
    await region.snapshot(1);
    expect(region.told).toEqual(["begin 1", "1 nothing"]);
    expect(region.failure?.code).toBe("CHECKPOINT_FAILED");
    expect(region.failure?.cause).toMatchObject({ code: "CHECKPOINT_STORE" });
    expect(region.stats.latest.failed?.failure).toContain("no space left");
  });

  test("whose manifest cannot be written come to nothing", async () => {
    const region = new Region({ rules: { intervalMs: 100, minPauseMs: 0, timeoutMs: 1000, tolerated: 1 } });
    region.open();
    await region.after(100);
    await region.snapshot(1);
    region.store.failNext("full");
    await region.cut(1);
    expect(region.told.at(-1)).toBe("1 nothing");
    region.count(1);
    await region.take(2);
    expect(region.told.at(-1)).toBe("2 complete");
    expect(region.failure).toBeUndefined();
  });

  test("are not told to sinks before the record has them", async () => {
    const stored = Promise.withResolvers<void>();
    const region = new Region({ completed: () => stored.promise });
    region.open();
    await region.after(100);
    await region.snapshot(1);
    region.checkpoints.receive({ kind: "enumeratorCut", checkpoint: 1, vertex: source, state: new Uint8Array() });
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(region.told).not.toContain("1 complete");
    stored.resolve();
    await region.settle();
    expect(region.told).toContain("1 complete");
  });

  test("are wanted before all slots run as well", async () => {
    const region = new Region({ rules: { intervalMs: undefined, minPauseMs: 0, timeoutMs: 1000, tolerated: 0 } });
    region.checkpoints.receive({ kind: "wantsCheckpoint" });
    region.open();
    expect(region.told).toEqual(["begin 1"]);
  });

  test("hold what a slot said last when it has ended", async () => {
    const region = new Region();
    const acks = (checkpoint: number, slots: readonly number[]): Acknowledgement => ({
      ...{ checkpoint, slots, written: [] as WrittenBlocks[] },
      subtasks: slots.map((slot) => ({
        ...{ vertex: source, subtask: slot, finished: false, operators: [], commits: [] },
        source: { lastSerial: 1, current: Uint8Array.of(slot, checkpoint) },
      })),
    });
    const slots = { begin: () => {}, overtake: () => {}, cut: () => {}, ended: () => {} };
    region.checkpoints.open({ ...slots, slots: [0, 1], dealers: new Map([[source, 0]]) }, 0);
    await region.after(100);
    region.checkpoints.acknowledged(acks(1, [0, 1]));
    await region.cut(1);
    region.checkpoints.slotEnded(0);
    await region.after(100);
    region.checkpoints.acknowledged(acks(2, [1]));
    await region.settle();
    expect(positionIn(await region.manifest(2), source)).toEqual({
      enumerator: Uint8Array.of(101),
      current: [Uint8Array.of(0, 1), Uint8Array.of(1, 2)],
    });
  });

  test("that take long become unaligned, and people see how much was in flight", async () => {
    const rules = { intervalMs: 100, minPauseMs: 0, timeoutMs: 1000, tolerated: 0, alignMs: 20 };
    const region = new Region({ rules });
    region.open();
    await region.after(100);
    await region.after(20);
    expect(region.told).toEqual(["begin 1", "overtake 1"]);
    const about = { first: 0, last: 127 };
    const element = { kind: "watermark", channel: 0, input: 0, time: 7, frame: undefined } as const;
    const block = inFlightBlock([element], { subtask: 0, generation: 0, part: 0 }, about, counted);
    region.count(1);
    region.snapshots.blocks(1, counted, [block]);
    await region.snapshot(1);
    await region.cut(1);
    expect(region.stats.latest.completed).toMatchObject({
      checkpoint: 1,
      unaligned: true,
      inFlightBytes: block.length,
    });
    expect(region.stats.latest.completed?.bytes).toBeGreaterThan(block.length);
  });

  test("a savepoint is given to whoever wanted it, builds on nothing, and lets no sink commit", async () => {
    const region = new Region();
    region.open();
    region.count(1);
    await region.take(1);
    const taken = region.checkpoints.takeSavepoint({ checkpoint: 2, folder: "/save", ends: undefined });
    expect(region.told.at(-1)).toBe("begin 2 in /save");
    await region.snapshot(2);
    await region.cut(2);
    expect(await taken).toMatchObject({ checkpoint: 2, savepoint: true, chain: [] });
    region.checkpoints.savepointWritten(2);
    expect(region.told.at(-1)).toBe("2 nothing");
    expect(region.stats.latest.savepoint).toMatchObject({ checkpoint: 2, path: "/save" });
  });

  test("sinks commit a savepoint with which the job ends", async () => {
    const region = new Region();
    region.open();
    const taken = region.checkpoints.takeSavepoint({ checkpoint: 1, folder: "/save", ends: "suspend" });
    expect(region.told.at(-1)).toBe("begin 1 in /save, suspend");
    await region.snapshot(1);
    await region.cut(1);
    await taken;
    region.checkpoints.savepointWritten(1);
    expect(region.told.at(-1)).toBe("1 complete");
  });

  test.each([
    ["suspend", undefined],
    ["drain", "SAVEPOINT_FAILED"],
  ] as const)("a region that could not end by %s goes on or fails: %s", async (ends, failure) => {
    const region = new Region();
    region.open();
    const taken = region.checkpoints.takeSavepoint({ checkpoint: 1, folder: "/save", ends });
    region.checkpoints.declined(1, new Error("a full disk"));
    await expect(taken).rejects.toMatchObject({ code: "SAVEPOINT_FAILED" });
    expect(region.told.at(-1)).toBe("1 nothing");
    // What was drained cannot go on.
    expect(region.failure?.code).toBe(failure);
  });

  test("a savepoint that nobody can take is refused by name", async () => {
    const region = new Region();
    const refused = region.checkpoints.takeSavepoint({ checkpoint: 1, folder: "/save", ends: undefined });
    await expect(refused).rejects.toMatchObject({ code: "SAVEPOINT_FAILED" });
    region.open();
    const first = region.checkpoints.takeSavepoint({ checkpoint: 1, folder: "/save", ends: undefined });
    const second = region.checkpoints.takeSavepoint({ checkpoint: 2, folder: "/save", ends: undefined });
    await expect(second).rejects.toMatchObject({ code: "SAVEPOINT_FAILED" });
    region.checkpoints.close();
    await expect(first).rejects.toMatchObject({ code: "SAVEPOINT_FAILED" });
  });
});

describe("the checkpoint from which a region goes on", () => {
  async function three(): Promise<Region> {
    const region = new Region({ retained: 3 });
    region.open();
    for (const checkpoint of [1, 2, 3]) {
      region.count(checkpoint);
      await region.take(checkpoint);
    }
    return region;
  }

  test("is none when there has never been one", async () => {
    const chosen = await chooseCheckpoint(new MemoryStore(), { completed: 0, committed: 0 });
    expect(chosen).toEqual({ name: undefined, last: 0, damaged: [] });
  });

  test("is the newest, and numbers go on behind leftovers", async () => {
    const { store } = await three();
    await store.writeBlocks({ checkpoint: checkpointName(9), worker: "lost", first: 0, blocks: [Uint8Array.of(1)] });
    const chosen = await chooseCheckpoint(store, { completed: 3, committed: 3 });
    expect(chosen).toEqual({ name: checkpointName(3), last: 9, damaged: [] });
  });

  test("is the one before a damaged one, which is named", async () => {
    const { store } = await three();
    store.damage((bytes, key) => (key.startsWith(`b/${checkpointName(3)}`) ? bytes.map((byte) => byte ^ 1) : bytes));
    const { name, damaged } = await chooseCheckpoint(store, { completed: 3, committed: 0 });
    expect(name).toBe(checkpointName(2));
    expect(damaged.map(({ message }) => message)).toEqual([expect.stringContaining(checkpointName(3))]);
  });

  test("is never behind output that others have seen", async () => {
    const { store } = await three();
    store.damage((bytes, key) => (key === `m/${checkpointName(3)}` ? bytes.subarray(0, 20) : bytes));
    await expect(chooseCheckpoint(store, { completed: 3, committed: 3 })).rejects.toMatchObject({
      code: "CHECKPOINT_BEHIND_OUTPUT",
    });
    expect((await chooseCheckpoint(store, { completed: 3, committed: 2 })).name).toBe(checkpointName(2));
  });

  test("cannot be when all are damaged or gone", async () => {
    const { store } = await three();
    store.damage((bytes, key) => (key.startsWith("m/") ? bytes.map((byte) => byte ^ 255) : bytes));
    await expect(chooseCheckpoint(store, { completed: 3, committed: 0 })).rejects.toMatchObject({
      code: "STATE_CORRUPT",
    });
    await expect(chooseCheckpoint(new MemoryStore(), { completed: 3, committed: 0 })).rejects.toThrow("3 is gone");
  });
});
