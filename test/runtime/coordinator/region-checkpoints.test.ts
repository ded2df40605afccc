import { describe, expect, test } from "vitest";
import type { WrittenBlocks } from "../../../runtime/checkpoints/manifest-parts.ts";
import { positionIn } from "../../../runtime/checkpoints/manifest-parts.ts";
import type { Acknowledgement } from "../../../runtime/checkpoints/slot-snapshots.ts";
import { openCheckpoint, readOperator } from "../../../runtime/state/checkpoint-reader.ts";
import { checkpointName, checkpointNumber, isMerged } from "../../../runtime/state/checkpoint-store.ts";
import { inFlightBlock } from "../../../runtime/state/in-flight-block.ts";
import { createMemoryBackend } from "../../../runtime/state/memory-backend.ts";
import { counted, Region, source } from "./fixtures/region.ts";

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

  test.each([
    ["small beside the state, when they are forty", 2000, 41, 41],
    ["half of it together, then", 150, 12, 40],
  ])("merge deltas that are %s", async (_, keys, least, most) => {
    const region = new Region({ retained: 1 });
    region.open();
    for (let key = 0; key < keys; key++) region.count(key);
    for (let checkpoint = 1; checkpoint <= 42; checkpoint++) {
      await region.take(checkpoint);
      region.count(checkpoint % 3);
    }
    const merged = (await region.store.manifests()).filter((name) => isMerged(name)).map(checkpointNumber);
    expect(merged).toHaveLength(1);
    expect(merged[0]).toBeGreaterThanOrEqual(least);
    expect(merged[0]).toBeLessThanOrEqual(most);
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
    region.checkpoints.receive(0, { kind: "enumeratorCut", checkpoint: 1, vertex: source, state: new Uint8Array() });
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(region.told).not.toContain("1 complete");
    stored.resolve();
    await region.settle();
    expect(region.told).toContain("1 complete");
  });

  test("are wanted before all slots run as well", async () => {
    const region = new Region({ rules: { intervalMs: undefined, minPauseMs: 0, timeoutMs: 1000, tolerated: 0 } });
    region.checkpoints.receive(0, { kind: "wantsCheckpoint" });
    region.open();
    expect(region.told).toEqual(["begin 1"]);
  });

  test("are taken of the end as well, unless nothing is committed by it and the rules want none", () => {
    const ends = (atEnd: boolean | undefined): readonly string[] => {
      const region = new Region({ rules: { intervalMs: 100, minPauseMs: 0, timeoutMs: 1000, tolerated: 0, atEnd } });
      region.open();
      region.checkpoints.receive(0, { kind: "atEnd" });
      return region.told;
    };
    expect([ends(undefined), ends(true), ends(false)]).toEqual([["begin 1"], ["begin 1"], ["released"]]);
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
    const slots = { begin: () => {}, overtake: () => {}, cut: () => {}, ended: () => {}, released: () => {} };
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

  test("people see how much came while barriers were aligned, of all subtasks together", async () => {
    const region = new Region();
    region.open();
    await region.after(100);
    const subtask = { vertex: source, finished: false, operators: [], commits: [] };
    const subtasks = [7, undefined, 5].map((alignedBytes, at) => {
      return { ...subtask, subtask: at, ...(alignedBytes === undefined ? {} : { alignedBytes }) };
    });
    region.checkpoints.acknowledged({ checkpoint: 1, slots: [0], written: [], subtasks });
    expect(region.stats.entries).toMatchObject([{ checkpoint: 1, acknowledged: 1, alignedBytes: 12 }]);
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
    // Its memory is given back when it has been written.
    const inFlightBytes = block.length;
    region.count(1);
    region.snapshots.blocks(1, counted, [block]);
    await region.snapshot(1);
    await region.cut(1);
    expect(region.stats.latest.completed).toMatchObject({
      checkpoint: 1,
      unaligned: true,
      inFlightBytes,
    });
    expect(region.stats.latest.completed?.bytes).toBeGreaterThan(inFlightBytes);
  });
});
