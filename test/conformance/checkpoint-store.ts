/** What every checkpoint store must do (`runtime/state/checkpoint-store.ts`). A store's test calls this with how to open one. */

import { describe, expect, test } from "vitest";
import {
  type BlockPlace,
  type CheckpointNotes,
  type CheckpointStore,
  checkpointName,
} from "../../runtime/state/checkpoint-store.ts";

export interface StoreSubject {
  /** An empty store. */
  open(): Promise<CheckpointStore>;
  /** Closes it and opens what it has kept. */
  reopen(store: CheckpointStore): Promise<CheckpointStore>;
}

const bytes = (...values: number[]) => Uint8Array.from(values);
const first = checkpointName(1);
const second = checkpointName(2);

async function read(store: CheckpointStore, places: readonly BlockPlace[]): Promise<(number[] | undefined)[]> {
  const found: (number[] | undefined)[] = [];
  for await (const block of store.readBlocks(places)) found.push(block && [...block]);
  return found;
}

export function checkpointStoreSuite(name: string, subject: StoreSubject): void {
  describe(`${name}: checkpoint store`, () => suite(subject));
}

function suite({ open, reopen }: StoreSubject): void {
  test("gives back what was written, also after it was opened again", async () => {
    let store = await open();
    const blocks = Array.from({ length: 300 }, (_, i) => new Uint8Array(i).fill(i));
    await store.writeBlocks({ checkpoint: first, worker: "w-1", first: 0, blocks: blocks.slice(0, 200) });
    await store.writeBlocks({ checkpoint: first, worker: "w-1", first: 200, blocks: blocks.slice(200) });
    await store.writeBlocks({ checkpoint: first, worker: "w-10", first: 0, blocks: [bytes(10)] });
    await store.writeBlocks({ checkpoint: second, worker: "w-1", first: 0, blocks: [bytes(2)] });
    await store.writeManifest(first, bytes(1, 2, 3));
    for (let times = 0; times < 2; times++) {
      const places = blocks.map((_, number) => ({ checkpoint: first, worker: "w-1", number }));
      expect(await read(store, places)).toEqual(blocks.map((block) => [...block]));
      expect(await read(store, [places[250] as BlockPlace, places[3] as BlockPlace])).toEqual([
        [...(blocks[250] as Uint8Array)],
        [3, 3, 3],
      ]);
      expect(await read(store, [{ checkpoint: first, worker: "w-10", number: 0 }])).toEqual([[10]]);
      expect(await read(store, [{ checkpoint: second, worker: "w-1", number: 0 }])).toEqual([[2]]);
      expect([...((await store.readManifest(first)) ?? [])]).toEqual([1, 2, 3]);
      store = await reopen(store);
    }
    await store.close();
  });

  test("says undefined where there is nothing", async () => {
    const store = await open();
    await store.writeBlocks({ checkpoint: first, worker: "a", first: 1, blocks: [bytes(1)] });
    const places = [0, 1, 2].map((number) => ({ checkpoint: first, worker: "a", number }));
    expect(await read(store, [...places, { checkpoint: second, worker: "a", number: 1 }])).toEqual([
      undefined,
      [1],
      undefined,
      undefined,
    ]);
    expect(await store.readManifest(first)).toBe(undefined);
    expect(await read(store, [])).toEqual([]);
    await store.close();
  });

  test("lists manifests and checkpoints with blocks in order, merged ones behind their own", async () => {
    const store = await open();
    expect([await store.manifests(), await store.checkpointsWithBlocks()]).toEqual([[], []]);
    const names = [checkpointName(3), checkpointName(10), checkpointName(10, true), checkpointName(200)];
    for (const name of names.toReversed()) {
      await store.writeBlocks({ checkpoint: name, worker: "b", first: 0, blocks: [bytes(1)] });
      await store.writeBlocks({ checkpoint: name, worker: "a", first: 0, blocks: [bytes(1)] });
      await store.writeManifest(name, bytes(0));
    }
    expect(await store.manifests()).toEqual(names);
    expect(await store.checkpointsWithBlocks()).toEqual(names);
    await store.close();
  });

  test("deletes a checkpoint's blocks and manifest, and no others; twice does nothing more", async () => {
    let store = await open();
    const merged = checkpointName(1, true);
    for (const name of [first, merged, second]) {
      await store.writeBlocks({ checkpoint: name, worker: "a", first: 0, blocks: [bytes(1), bytes(2)] });
      await store.writeManifest(name, bytes(0));
    }
    for (let times = 0; times < 2; times++) {
      await store.deleteManifest(first);
      await store.deleteBlocks(first);
    }
    store = await reopen(store);
    expect(await store.manifests()).toEqual([merged, second]);
    expect(await store.checkpointsWithBlocks()).toEqual([merged, second]);
    expect(await read(store, [{ checkpoint: merged, worker: "a", number: 1 }])).toEqual([[2]]);
    await store.close();
  });

  test("writing again what was written replaces it", async () => {
    const store = await open();
    for (const value of [1, 2]) {
      await store.writeBlocks({ checkpoint: first, worker: "a", first: 0, blocks: [bytes(value), bytes(value)] });
      await store.writeManifest(first, bytes(value));
    }
    expect(await read(store, [{ checkpoint: first, worker: "a", number: 1 }])).toEqual([[2]]);
    expect([...((await store.readManifest(first)) ?? [])]).toEqual([2]);
    await store.close();
  });

  test("a batch without blocks is nothing", async () => {
    const store = await open();
    await store.writeBlocks({ checkpoint: first, worker: "a", first: 0, blocks: [] });
    expect(await read(store, [{ checkpoint: first, worker: "a", number: 0 }])).toEqual([undefined]);
    await store.close();
  });

  test.each([[""], [".."], ["a/b"], ["a b"], ["a\0"]])("a worker cannot be named %j", async (worker) => {
    const store = await open();
    await expect(store.writeBlocks({ checkpoint: first, worker, first: 0, blocks: [] })).rejects.toThrow(/no name/);
    await store.close();
  });
}

/** Of stores that keep notes too. */
export function checkpointNotesSuite(
  name: string,
  { open, reopen }: { open(): Promise<CheckpointStore>; reopen(store: CheckpointStore): Promise<CheckpointStore> },
): void {
  const notesOf = (store: CheckpointStore) => store as CheckpointStore & CheckpointNotes;

  test(`${name}: a note is read as it was written last, and is no checkpoint`, async () => {
    let store = await open();
    expect(await notesOf(store).readNote("lineage.json")).toBe(undefined);
    await notesOf(store).writeNote("lineage.json", bytes(1, 2));
    await notesOf(store).writeNote("other", bytes(9));
    await notesOf(store).writeNote("lineage.json", bytes(3));
    for (let times = 0; times < 2; times++) {
      expect([...((await notesOf(store).readNote("lineage.json")) ?? [])]).toEqual([3]);
      expect([...((await notesOf(store).readNote("other")) ?? [])]).toEqual([9]);
      expect([await store.manifests(), await store.checkpointsWithBlocks()]).toEqual([[], []]);
      store = await reopen(store);
    }
    await store.close();
  });
}
