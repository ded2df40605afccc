/** What was in flight at a checkpoint, in its store: listed, verified, merged, and never that of an older one. */

import { expect, test } from "vitest";
import {
  type CheckpointManifest,
  encodeManifest,
  holdsInFlight,
  manifestCrc,
} from "../../../runtime/state/checkpoint-manifest.ts";
import {
  openCheckpoint,
  readInFlight,
  readOperator,
  verifyCheckpoint,
} from "../../../runtime/state/checkpoint-reader.ts";
import { type CheckpointName, checkpointName } from "../../../runtime/state/checkpoint-store.ts";
import { CheckpointWriter } from "../../../runtime/state/checkpoint-writer.ts";
import { inFlightBlock, readInFlightBlock } from "../../../runtime/state/in-flight-block.ts";
import { createMemoryBackend } from "../../../runtime/state/memory-backend.ts";
import { MemoryStore } from "../../../runtime/state/memory-store.ts";
import { mergeCheckpoint } from "../../../runtime/state/merge-checkpoint.ts";

const OPERATOR = "count";
const GROUPS = { first: 0, last: 15 };

/** A chain of checkpoints, each with some state and, where it has a frame, that in flight to subtask 0 or 1. */
async function chainOf(frames: readonly (Uint8Array | undefined)[]) {
  const store = new MemoryStore();
  const names: CheckpointName[] = [];
  const backend = createMemoryBackend({ operator: OPERATOR, keyGroups: GROUPS, keyGroupCount: 16 });
  let manifest: CheckpointManifest | undefined;
  for (const [at, frame] of frames.entries()) {
    const checkpoint = at + 1;
    const writer = new CheckpointWriter(store, checkpointName(checkpoint), "worker");
    backend.table("panes", { numbers: 1, values: false }).pane(checkpoint).slotOf(checkpoint);
    const capture = backend.capture(checkpoint, { full: false });
    while (!capture.done) {
      const block = capture.step();
      if (block !== undefined) writer.add(OPERATOR, block);
    }
    for (const subtask of frame === undefined ? [] : [0, 1]) {
      const element = { kind: "batch", channel: 0, input: 0, time: Number.NaN, frame } as const;
      const about = { first: 8 * subtask, last: 8 * subtask + 7 };
      writer.add(OPERATOR, inFlightBlock([element], { subtask, generation: 0, part: 0 }, about, OPERATOR));
    }
    await writer.flush();
    backend.confirm(checkpoint);
    manifest = manifestOf(checkpoint, writer, manifest);
    await store.writeManifest(checkpointName(checkpoint), encodeManifest(manifest));
    names.push(checkpointName(checkpoint));
  }
  return { store, names, manifest: manifest as CheckpointManifest };
}

function manifestOf(
  checkpoint: number,
  writer: CheckpointWriter,
  before: CheckpointManifest | undefined,
): CheckpointManifest {
  const link = before && { name: checkpointName(before.checkpoint), crc: manifestCrc(encodeManifest(before)) };
  return {
    ...{ checkpoint, lineage: "job@1", savepoint: false, createdAtMs: 0, keyGroups: 16, positions: {}, markers: {} },
    chain: [...(before?.chain ?? []), ...(link === undefined ? [] : [link])],
    operators: writer.records().map((record) => ({ ...record, parallelism: 2, rest: [] })),
  };
}

async function framesIn(store: MemoryStore, name: CheckpointName, keyGroups = GROUPS): Promise<readonly unknown[]> {
  const frames: unknown[] = [];
  for await (const { block, where } of readInFlight(store, await openCheckpoint(store, name), OPERATOR, keyGroups))
    frames.push(...readInFlightBlock(block, where, OPERATOR).map(({ frame }) => frame));
  return frames;
}

const frame = (first: number): Uint8Array => Uint8Array.from({ length: 40 }, (_, at) => first + at);

test("it is that of the checkpoint itself, of those who may get it, and no state", async () => {
  const { store, names, manifest } = await chainOf([frame(1), frame(2)]);
  const last = names[1] as CheckpointName;
  expect(await framesIn(store, last)).toEqual([frame(2), frame(2)]);
  expect(await framesIn(store, last, { first: 8, last: 9 })).toEqual([frame(2)]);
  const sections: string[] = [];
  for await (const { header } of readOperator(store, await openCheckpoint(store, last), OPERATOR, GROUPS))
    sections.push(header.shape.section);
  expect(sections).toEqual(["table", "table"]);
  expect(manifest.operators[0]?.states.map(({ section }) => section)).toEqual(["table"]);
});

test("a manifest that lists some has a format of its own", async () => {
  const { store, names, manifest } = await chainOf([undefined, frame(2)]);
  const versions = await Promise.all(names.map(async (name) => (await store.readManifest(name))?.[4]));
  expect(versions).toEqual([1, 2]);
  expect(holdsInFlight(manifest)).toBe(true);
});

test("a merged copy has what was in flight at the newest", async () => {
  const { store, names } = await chainOf([frame(1), frame(2)]);
  const copy = await mergeCheckpoint(store, names[1] as CheckpointName, { worker: "merger" });
  expect((await openCheckpoint(store, copy)).manifest.chain).toEqual([]);
  expect(await framesIn(store, copy)).toEqual([frame(2), frame(2)]);
  await verifyCheckpoint(store, await openCheckpoint(store, copy));
});

test("every flipped byte of it is found and named", async () => {
  const { store, names } = await chainOf([frame(1)]);
  const name = names[0] as CheckpointName;
  const opened = await openCheckpoint(store, name);
  await verifyCheckpoint(store, opened);
  const flip = (at: number): void =>
    store.damage((bytes, key) => {
      // The first block is state.
      if (key !== `b/${name}/worker/000000001`) return bytes;
      const damaged = new Uint8Array(bytes);
      damaged[at] = (damaged[at] as number) ^ 1;
      return damaged;
    });
  const { bytes = 0 } = opened.manifest.operators[0]?.blocks[1] ?? {};
  expect(bytes).toBeGreaterThan(40);
  for (let at = 0; at < bytes; at++) {
    flip(at);
    const damaged = verifyCheckpoint(store, opened);
    await expect(damaged, `byte ${at}`).rejects.toMatchObject({ code: "STATE_CORRUPT", operator: OPERATOR });
    flip(at);
  }
  await verifyCheckpoint(store, opened);
});
