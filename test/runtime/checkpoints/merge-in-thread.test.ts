import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { mergeInThread } from "../../../runtime/checkpoints/merge-in-thread.ts";
import { type CheckpointManifest, encodeManifest, manifestCrc } from "../../../runtime/state/checkpoint-manifest.ts";
import { openCheckpoint, verifyCheckpoint } from "../../../runtime/state/checkpoint-reader.ts";
import { checkpointName } from "../../../runtime/state/checkpoint-store.ts";
import { CheckpointWriter } from "../../../runtime/state/checkpoint-writer.ts";
import { openDirectoryStore } from "../../../runtime/state/directory-store.ts";
import { createMemoryBackend } from "../../../runtime/state/memory-backend.ts";

const folder = await mkdtemp(join(tmpdir(), "merge-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

const operator = "count";

test("a chain in a folder is merged by a thread of its own", async () => {
  const store = await openDirectoryStore(folder);
  const backend = createMemoryBackend({ operator, keyGroups: { first: 0, last: 7 }, keyGroupCount: 8 });
  let chain: CheckpointManifest["chain"] = [];
  for (const checkpoint of [1, 2]) {
    const pane = backend.table("count", { numbers: 1, values: false }).pane(0);
    for (const key of [1, checkpoint * 10]) {
      const slot = pane.slotOf(key);
      (pane.numbers[0] as Float64Array)[slot] = checkpoint;
    }
    const name = checkpointName(checkpoint);
    const writer = new CheckpointWriter(store, name, "here");
    const capture = backend.capture(checkpoint);
    while (!capture.done) {
      const block = capture.step();
      if (block !== undefined) writer.add(operator, block);
    }
    await writer.flush();
    const operators = writer.records().map((record) => ({ ...record, parallelism: 1, rest: [] }));
    const bytes = encodeManifest({
      ...{ checkpoint, lineage: "job@1", savepoint: false, createdAtMs: 0, keyGroups: 8, chain, operators },
      ...{ positions: {}, markers: {} },
    });
    await store.writeManifest(name, bytes);
    backend.confirm(checkpoint);
    chain = [...chain, { name, crc: manifestCrc(bytes) }];
  }
  const copy = await mergeInThread(store, checkpointName(2));
  expect(copy).toBe(checkpointName(2, true));
  const merged = await openCheckpoint(store, copy);
  await verifyCheckpoint(store, merged);
  expect(merged.manifest.chain).toEqual([]);
  const rows = merged.manifest.operators.flatMap(({ blocks }) => blocks).reduce((sum, block) => sum + block.rows, 0);
  expect(rows).toBe(3);
});

test("what goes wrong in the thread is told", async () => {
  const store = await openDirectoryStore(folder);
  await expect(mergeInThread(store, checkpointName(99))).rejects.toMatchObject({
    code: "CHECKPOINT_STORE",
    message: expect.stringContaining("it has no manifest"),
  });
});
