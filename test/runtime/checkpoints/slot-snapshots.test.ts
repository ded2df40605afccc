/** Blocks of slots on their way to the store: in which batches they go, and when their memory is given back. */

import { expect, test } from "vitest";
import type { OperatorId } from "../../../core/ids.ts";
import { type Acknowledgement, SlotSnapshots } from "../../../runtime/checkpoints/slot-snapshots.ts";
import type { BlockBatch } from "../../../runtime/state/checkpoint-store.ts";
import { encodeBlock, shapeOf } from "../../../runtime/state/state-block.ts";

const OPERATOR = "sums" as OperatorId;
const MEGABYTE = 1024 * 1024;

/** A store that writes when it is told to. */
class SlowStore {
  readonly sizes: number[] = [];
  #waiting: { readonly resolve: () => void; readonly reject: (cause: Error) => void }[] = [];

  async writeBlocks({ blocks }: BlockBatch): Promise<void> {
    this.sizes.push(blocks.reduce((sum, { length }) => sum + length, 0) / MEGABYTE);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ resolve, reject });
    await promise;
  }

  async written(): Promise<void> {
    this.#waiting.shift()?.resolve();
    await settled();
  }

  async failed(): Promise<void> {
    this.#waiting.shift()?.reject(new Error("the disk is full"));
    await settled();
  }
}

/** What has been begun has come as far as it comes by itself. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** About a megabyte. */
function block(): Uint8Array {
  const rows = 128 * 1024;
  const groups = new Uint16Array(rows);
  const keys = Float64Array.from({ length: rows }, (_, row) => row + 0.5);
  return encodeBlock(
    { name: "sum", shape: shapeOf("value"), groups, keys, rows, columns: [[], []].map(() => new Int32Array(rows)) },
    OPERATOR,
  ); // prettier-ignore
}

async function begun() {
  const store = new SlowStore();
  const acknowledged: Acknowledgement[] = [];
  const declined: Error[] = [];
  const snapshots = new SlotSnapshots({
    worker: "w",
    acknowledge: (acknowledgement) => acknowledged.push(acknowledgement),
    decline: (_, cause) => declined.push(cause),
  });
  snapshots.begin(1, [0], Promise.resolve(store));
  await settled();
  const send = async (count: number) => {
    const blocks = Array.from({ length: count }, block);
    for (const each of blocks) snapshots.blocks(1, OPERATOR, [each]);
    await settled();
    return blocks;
  };
  return { store, snapshots, send, acknowledged, declined };
}

test("some are written as soon as it is worth a batch, and the more the slower the store is", async () => {
  const { store, snapshots, send, acknowledged } = await begun();
  await send(3);
  expect(store.sizes).toEqual([]);
  await send(2);
  expect(store.sizes.map(Math.round)).toEqual([5]);
  await send(30);
  expect(store.sizes).toHaveLength(1);
  await store.written();
  expect(store.sizes.map(Math.round)).toEqual([5, 16]);
  await store.written();
  expect(store.sizes.map(Math.round)).toEqual([5, 16, 14]);
  snapshots.snapshotted(0, 1, []);
  await store.written();
  expect(acknowledged).toHaveLength(1);
  expect(acknowledged[0]?.written[0]?.blocks).toHaveLength(35);
});

test("the memory of a block is given back when it has been written, and not before", async () => {
  const { store, send } = await begun();
  const blocks = await send(5);
  expect(blocks.every(({ length }) => length > 0)).toBe(true);
  await store.written();
  expect(blocks.map(({ length }) => length)).toEqual([0, 0, 0, 0, 0]);
});

test("what a store refuses is left alone, and the checkpoint declined", async () => {
  const { store, send, declined } = await begun();
  const blocks = await send(5);
  await store.failed();
  expect(declined.map(({ message }) => message)).toEqual(["the disk is full"]);
  expect(blocks.every(({ length }) => length > 0)).toBe(true);
});
