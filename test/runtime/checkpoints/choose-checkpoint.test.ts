import { describe, expect, test } from "vitest";
import { chooseCheckpoint } from "../../../runtime/checkpoints/choose-checkpoint.ts";
import { checkpointName } from "../../../runtime/state/checkpoint-store.ts";
import { MemoryStore } from "../../../runtime/state/memory-store.ts";
import { Region } from "../coordinator/fixtures/region.ts";

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
