import { describe, expect, test } from "vitest";
import { Region } from "./fixtures/region.ts";

describe("savepoints of a region", () => {
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
