/** Output that a checkpoint retains, in its store: found by its name, merged, and never that of an older checkpoint. */

import { expect, test } from "vitest";
import { type CheckpointManifest, encodeManifest, manifestCrc } from "../../../runtime/state/checkpoint-manifest.ts";
import {
  openCheckpoint,
  readInFlight,
  readOperator,
  readPassing,
  verifyCheckpoint,
} from "../../../runtime/state/checkpoint-reader.ts";
import { type CheckpointName, checkpointName } from "../../../runtime/state/checkpoint-store.ts";
import { CheckpointWriter } from "../../../runtime/state/checkpoint-writer.ts";
import { MemoryStore } from "../../../runtime/state/memory-store.ts";
import { mergeCheckpoint } from "../../../runtime/state/merge-checkpoint.ts";
import { outputBlock, readOutputBlock } from "../../../runtime/state/output-block.ts";

const OPERATOR = "out";
const GROUPS = { first: 0, last: 15 };

/** Two checkpoints, the second a delta to the first, each with two parts of two blocks. */
async function stored() {
  const store = new MemoryStore();
  let before: CheckpointManifest | undefined;
  for (const checkpoint of [1, 2]) {
    const writer = new CheckpointWriter(store, checkpointName(checkpoint), "worker");
    for (const subtask of [0, 1]) {
      for (const half of [1, 2]) {
        const piece = Uint8Array.of(checkpoint, subtask, half);
        writer.add(OPERATOR, outputBlock([piece], `${subtask}/${checkpoint}`, GROUPS, OPERATOR));
      }
    }
    await writer.flush();
    const link = before && { name: checkpointName(before.checkpoint), crc: manifestCrc(encodeManifest(before)) };
    const manifest: CheckpointManifest = {
      ...{ checkpoint, lineage: "job@1", savepoint: false, createdAtMs: 0, keyGroups: 16, positions: {}, markers: {} },
      chain: link === undefined ? [] : [link],
      operators: writer.records().map((record) => ({ ...record, parallelism: 2, rest: [] })),
    };
    await store.writeManifest(checkpointName(checkpoint), encodeManifest(manifest));
    before = manifest;
  }
  return { store, manifest: before as CheckpointManifest };
}

async function piecesIn(store: MemoryStore, of: CheckpointName, name: string): Promise<number[][]> {
  const pieces: number[][] = [];
  const opened = await openCheckpoint(store, of);
  for await (const { block, where } of readPassing(store, opened, OPERATOR, GROUPS, { section: "output", name }))
    pieces.push(...readOutputBlock(block, where, OPERATOR).map((piece) => [...piece]));
  return pieces;
}

async function count(blocks: AsyncIterable<unknown>): Promise<number> {
  let found = 0;
  for await (const _ of blocks) found++;
  return found;
}

test("it is found by its name, in its order, and is neither state nor in flight", async () => {
  const { store, manifest } = await stored();
  const last = checkpointName(2);
  expect(await piecesIn(store, last, "1/2")).toEqual([
    [2, 1, 1],
    [2, 1, 2],
  ]);
  expect(await piecesIn(store, last, "1/1")).toEqual([]);
  const opened = await openCheckpoint(store, last);
  expect(await count(readOperator(store, opened, OPERATOR, GROUPS))).toBe(0);
  expect(await count(readInFlight(store, opened, OPERATOR, GROUPS))).toBe(0);
  expect(manifest.operators[0]?.states).toEqual([]);
});

test("a manifest that lists some has a format of its own", async () => {
  const { store } = await stored();
  expect((await store.readManifest(checkpointName(2)))?.[4]).toBe(3);
});

test("a merged copy has that of the newest, which is verified with it", async () => {
  const { store } = await stored();
  const copy = await mergeCheckpoint(store, checkpointName(2), { worker: "merger" });
  expect(await piecesIn(store, copy, "0/2")).toEqual([
    [2, 0, 1],
    [2, 0, 2],
  ]);
  expect(await piecesIn(store, copy, "0/1")).toEqual([]);
  const opened = await openCheckpoint(store, copy);
  await verifyCheckpoint(store, opened);
  store.damage((bytes, key) => (key === `b/${copy}/merger/000000000` ? bytes.map((byte) => byte ^ 1) : bytes));
  await expect(verifyCheckpoint(store, opened)).rejects.toMatchObject({ code: "STATE_CORRUPT", operator: OPERATOR });
});
