import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { chooseCheckpoint } from "../../../../runtime/checkpoints/choose-checkpoint.ts";
import type { StoreId, WorkerId } from "../../../../runtime/cluster-ids.ts";
import { copiesOf, type WorkersStore } from "../../../../runtime/coordinator/workers-store.ts";
import type { CallAfter } from "../../../../runtime/exchange/link/link-contract.ts";
import type { ChainLink } from "../../../../runtime/state/checkpoint-manifest.ts";
import { openCheckpoint, verifyCheckpoint } from "../../../../runtime/state/checkpoint-reader.ts";
import { type CheckpointName, checkpointName } from "../../../../runtime/state/checkpoint-store.ts";
import { openDirectoryStore } from "../../../../runtime/state/directory-store.ts";
import { createMemoryBackend } from "../../../../runtime/state/memory-backend.ts";
import { workersLocation } from "../../../../runtime/store-protocol.ts";
import { StoreFolders } from "../../../../runtime/worker/stores/store-folders.ts";
import { restoreOperator } from "../../state/restore-operator.ts";
import { cluster, KEY_GROUPS, PLACE, Share, StoreCluster, type StoreWorker, writeCheckpoint } from "./store-cluster.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mr-stores-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const keys = Array.from({ length: 40 }, (_, key) => key);
const unreachable = expect.objectContaining({ code: "CHECKPOINT_STORE" });

/** Three checkpoints of a job on two workers of two hosts, each the other's copy: all keys at 1, a half at 2, a few at 3. */
async function twoHosts() {
  const of = new StoreCluster(folder);
  const [a, b] = [await of.worker("a", "one"), await of.worker("b", "two")];
  const region = await of.region();
  const shares = [new Share(a, 0, 3), new Share(b, 4, 7)] as const;
  const chain: ChainLink[] = [];
  for (const checkpoint of [1, 2, 3]) {
    for (const share of shares) share.set(keys.slice(0, 40 >> (checkpoint - 1)), checkpoint);
    const copied = [[shares[0], [b.place]] as const, [shares[1], [a.place]] as const];
    chain.push(await writeCheckpoint(region, checkpoint, [...chain], copied));
  }
  return { of, a, b, region, shares };
}

const valueAt = (key: number): number => (key < 10 ? 3 : key < 20 ? 2 : 1);

/** The state as a worker restores it. */
async function restored(region: WorkersStore, name: CheckpointName, on: StoreWorker): Promise<Map<number, number>> {
  const sources = await region.sourcesOf(name);
  const store = await on.stores.open(workersLocation(PLACE), { sources });
  const keyGroups = { first: 0, last: KEY_GROUPS - 1 };
  const backend = createMemoryBackend({ operator: "count", keyGroups, keyGroupCount: KEY_GROUPS });
  await restoreOperator(store, await openCheckpoint(store, name), "count", keyGroups, backend, undefined);
  const pane = backend.table("count", { numbers: 1, values: false }).pane(0);
  return new Map(keys.map((key) => [key, pane.numbers[0]?.[pane.find(key)] as number]));
}

const everything = new Map(keys.map((key) => [key, valueAt(key)]));
const newest = checkpointName(3);

/** Overwrites a block in the stores of a worker. */
async function damage(worker: StoreWorker, writer: string, checkpoint = newest): Promise<void> {
  const blocks = [Uint8Array.of(1, 2, 3)];
  await worker.stores.answer({ kind: "writeBlocks", place: PLACE, checkpoint, worker: writer, first: 0, blocks });
}

describe("checkpoints in workers' stores", () => {
  test("every worker restores all of it, whoever has written it", async () => {
    const { of, a, b, region } = await twoHosts();
    const third = await of.worker("c", "three");
    for (const worker of [a, b, third]) expect(await restored(region, newest, worker)).toEqual(everything);
    await verifyCheckpoint(region, await openCheckpoint(region, newest));
    expect(await region.manifests()).toEqual([1, 2, 3].map((number) => checkpointName(number)));
    expect(await region.checkpointsWithBlocks()).toEqual(await region.manifests());
  });

  test("what one host loses is read from the other, in each direction", async () => {
    for (const lost of ["a", "b"] as const) {
      const { of, a, b, region } = await twoHosts();
      const [gone, left] = lost === "a" ? [a, b] : [b, a];
      await of.lose(gone);
      await rm(join(folder, gone.host), { recursive: true });
      const again = await of.worker(`${lost}2`, gone.host);
      expect((await chooseCheckpoint(region, { completed: 3, committed: 3 })).name).toBe(newest);
      for (const worker of [left, again]) expect(await restored(region, newest, worker)).toEqual(everything);
      await of.lose(again);
      await of.lose(left);
      await rm(folder, { recursive: true });
    }
  });

  test("a block that is damaged where it was written is taken from its copy", async () => {
    const { a, b, region, shares } = await twoHosts();
    await damage(a, shares[0].writer);
    expect((await chooseCheckpoint(region, { completed: 3, committed: 3 })).name).toBe(newest);
    for (const worker of [a, b]) expect(await restored(region, newest, worker)).toEqual(everything);
  });

  test("damaged in both, it is named, and the checkpoint before it is used", async () => {
    const { a, b, region, shares } = await twoHosts();
    for (const worker of [a, b]) await damage(worker, shares[0].writer);
    const chosen = await chooseCheckpoint(region, { completed: 3, committed: 2 });
    expect(chosen.name).toBe(checkpointName(2));
    expect(chosen.damaged).toMatchObject([
      { code: "STATE_CORRUPT", message: expect.stringContaining(shares[0].writer) },
    ]);
    await expect(chooseCheckpoint(region, { completed: 3, committed: 3 })).rejects.toMatchObject({
      code: "CHECKPOINT_BEHIND_OUTPUT",
    });
  });

  test("what nobody can reach is not lost: it is named, and there again when its folder is served again", async () => {
    const { of, a, region } = await twoHosts();
    const alone = new Share(a, 0, 7);
    alone.set(keys, 1);
    const link = await writeCheckpoint(region, 4, [], [[alone, []]]);
    await of.lose(a);
    const chosen = chooseCheckpoint(region, { completed: 4, committed: 0 });
    await expect(chosen).rejects.toThrow(unreachable);
    await expect(chosen).rejects.toThrow(/worker a on one/);
    await expect(region.sourcesOf(link.name).then(({ stores }) => Object.keys(stores).length)).resolves.toBe(0);
    await of.worker("a2", "one");
    expect((await chooseCheckpoint(region, { completed: 4, committed: 0 })).name).toBe(link.name);
  });

  test("who is taken for the one that has a store says that it has not, and the one that has it is found", async () => {
    const { of, a, b, region } = await twoHosts();
    const alone = new Share(a, 0, 7);
    alone.set(keys, 1);
    const link = await writeCheckpoint(region, 4, [], [[alone, []]]);
    of.announces(b, a.announced.at(-1)?.stores as readonly StoreId[]);
    const known = { completed: 4, committed: 4 };
    await expect(chooseCheckpoint(region, known)).rejects.toThrow(unreachable);
    expect(await chooseCheckpoint(region, known)).toMatchObject({ name: link.name, damaged: [] });
  });

  test("a worker of the same folder takes the store over, one of another cannot", async () => {
    const { of, a, b, region } = await twoHosts();
    const near = await of.worker("near", "one");
    const own = a.announced.at(-1)?.stores[0] as StoreId;
    await of.lose(a);
    expect((await of.stores.find(own))?.worker).toBe(near.id);
    expect(await restored(region, newest, b)).toEqual(everything);
    expect(await near.stores.answer({ kind: "adopt", store: own, fenced: undefined })).toMatchObject({ served: true });
    expect(await b.stores.answer({ kind: "adopt", store: own, fenced: undefined })).toMatchObject({ served: false });
    const nonsense = "../../etc" as StoreId;
    expect(await near.stores.answer({ kind: "adopt", store: nonsense, fenced: undefined })).toMatchObject({
      served: false,
    });
  });

  test("the manifests are with the workers too: a coordinator that has lost its own goes on", async () => {
    const { a, region } = await twoHosts();
    await rm(join(folder, "coordinator"), { recursive: true });
    await mkdir(join(folder, "coordinator", "manifests"), { recursive: true });
    expect((await chooseCheckpoint(region, { completed: 0, committed: 0 })).name).toBe(newest);
    expect(await restored(region, newest, a)).toEqual(everything);
  });

  test("a manifest that is damaged in the coordinator's folder is taken from a worker, and is named where theirs are too", async () => {
    const { of, a, b } = await twoHosts();
    const own = await openDirectoryStore(join(folder, "coordinator"));
    const manifest = (await own.readManifest(newest)) as Uint8Array;
    await own.writeManifest(newest, manifest.with(40, (manifest[40] as number) ^ 1));
    const again = await of.region();
    expect((await chooseCheckpoint(again, { completed: 3, committed: 3 })).name).toBe(newest);
    for (const worker of [a, b]) expect(await restored(again, newest, worker)).toEqual(everything);
    const cut = manifest.slice(0, -1);
    for (const worker of [a, b])
      await worker.stores.answer({ kind: "writeManifest", place: PLACE, name: newest, manifest: cut });
    const chosen = await chooseCheckpoint(await of.region(), { completed: 3, committed: 2 });
    expect([chosen.name, chosen.damaged.length]).toEqual([checkpointName(2), 1]);
  });

  test("a chain is merged by those that wrote it, and the copy stands alone", async () => {
    const { of, a, b, region } = await twoHosts();
    const merged = await region.merge(newest);
    expect(merged).toBe(checkpointName(3, true));
    const { manifest } = await openCheckpoint(region, merged);
    expect([manifest.chain, Object.values(manifest.holders ?? {}).map(({ length }) => length)]).toEqual([[], [2, 2]]);
    for (const number of [1, 2, 3]) {
      await region.deleteManifest(checkpointName(number));
      await region.deleteBlocks(checkpointName(number));
    }
    expect([await region.manifests(), await region.checkpointsWithBlocks()]).toEqual([[merged], [merged]]);
    expect(await restored(region, merged, a)).toEqual(everything);
    await of.lose(a);
    await rm(join(folder, "one"), { recursive: true });
    expect(await restored(region, merged, b)).toEqual(everything);
  });

  test("a host that is lost with its copies is made up for by another one that joins later", async () => {
    const { of, a, b, region } = await twoHosts();
    const chain = [1, 2, 3].map((number) => checkpointName(number));
    expect(await region.lackCopies(chain)).toBe(false);
    await of.lose(b);
    expect(await region.lackCopies(chain)).toBe(false); // there is no other host
    await rm(join(folder, "two"), { recursive: true });
    const third = await of.worker("c", "three");
    expect(await region.lackCopies(chain)).toBe(true);
    expect(await (await of.region()).lackCopies(chain)).toBe(true); // also for one that has read nothing yet
    const merged = await region.merge(newest);
    expect(await region.lackCopies([merged])).toBe(false);
    await of.lose(a);
    await rm(join(folder, "one"), { recursive: true });
    expect(await restored(region, merged, third)).toEqual(everything);
  });

  test("what was deleted while a worker was away is deleted when it is back", async () => {
    const { of, b, region } = await twoHosts();
    await of.lose(b);
    await region.deleteManifest(checkpointName(1));
    await region.deleteBlocks(checkpointName(1));
    const again = await of.worker("b2", "two");
    await again.stores.answer({ kind: "writeManifest", place: "job/9", name: newest, manifest: Uint8Array.of(0) });
    expect(await region.checkpointsWithBlocks()).toContain(checkpointName(1));
    await region.deleteManifest(checkpointName(1));
    await region.deleteBlocks(checkpointName(1));
    expect(await region.checkpointsWithBlocks()).toEqual([checkpointName(2), newest]);
  });

  test("of a job that is gone nothing stays, also of one that went while its worker was away", async () => {
    const { of, a, b, region } = await twoHosts();
    await of.lose(b);
    of.jobs.delete("job");
    await of.stores.askAll({ kind: "forget", job: "job" });
    expect(await a.stores.answer({ kind: "list", place: PLACE })).toMatchObject({ manifests: [], withBlocks: [] });
    const again = await of.worker("b2", "two");
    // Its store is opened by what needs it first, and then it says what it has.
    await again.stores.answer({ kind: "writeManifest", place: "other/0", name: newest, manifest: Uint8Array.of(0) });
    await expect.poll(() => region.checkpointsWithBlocks()).toEqual([]);
  });

  test("copies go to other hosts, to each from others", () => {
    const worker = (id: string, host: string) => ({
      description: { worker: id as WorkerId, host, exchange: { kind: "unix", path: id } },
      epoch: 1,
    });
    const workers = [worker("a", "one"), worker("b", "one"), worker("c", "two"), worker("d", "two")];
    const stores = { workers } as unknown as Parameters<typeof copiesOf>[0];
    const copies = (id: string, count: number) =>
      copiesOf(stores, id as WorkerId, count).map((address) => address.worker as string);
    expect(["a", "b", "c", "d"].map((id) => copies(id, 2))).toEqual([["c"], ["c"], ["a"], ["a"]]);
    expect([copies("a", 1), copies("a", 3)]).toEqual([[], ["c"]]);
  });
});

describe("the folders of a worker's stores", () => {
  function foldersOf(worker: string, callAfter: CallAfter = () => () => {}): StoreFolders {
    const folders = new StoreFolders({
      ...{ folder, cluster, worker: worker as WorkerId, callAfter, changed: () => {}, log: () => {} },
    });
    onTestFinished(() => folders.close());
    return folders;
  }

  test("the first that is free is taken, and a new one made when none is", async () => {
    const first = foldersOf("w1");
    const { id } = await first.own();
    const second = foldersOf("w2");
    expect((await second.own()).id).not.toBe(id);
    expect(await second.adopt(id)).toBe(false);
    await first.close();
    expect(await second.adopt(id)).toBe(true);
    await second.close();
    const third = foldersOf("w3");
    await third.own();
    expect(await readdir(join(folder, cluster))).toHaveLength(2);
  });

  test("one that was taken over and is empty is deleted, the own one never", async () => {
    const first = foldersOf("w1");
    const { id, database } = await first.own();
    await database.store(PLACE).writeManifest(newest, Uint8Array.of(1));
    const second = foldersOf("w2");
    const own = await second.own();
    await first.close();
    await second.adopt(id);
    await second.deleteEmpty();
    expect(second.all.map((store) => store.id)).toEqual([own.id, id]);
    await second.all.find((store) => store.id === id)?.database.remove("job");
    await second.deleteEmpty();
    expect(second.all.map((store) => store.id)).toEqual([own.id]);
    expect(await readdir(join(folder, cluster))).toEqual([own.id]);
  });

  test("one that is being deleted is taken over by nobody, and what is left of one is deleted", async () => {
    for (let round = 0; round < 20; round++) {
      const first = foldersOf("w1");
      const { id } = await first.own();
      await first.close();
      const second = foldersOf("w2");
      await second.adopt(id);
      const third = foldersOf("w3");
      let gone = false;
      const deleted = second.deleteEmpty().finally(() => {
        gone = true;
      });
      while (!gone) expect(await third.adopt(id)).toBe(false);
      await deleted;
      await second.close();
    }
    expect(await readdir(join(folder, cluster))).toEqual([]);
    // Its process died in the middle of it.
    await mkdir(join(folder, cluster, "0.gone", "db"), { recursive: true });
    let adoptOthers = (): void => {};
    const callAfter = (_ms: number, callback: () => void) => {
      adoptOthers = callback;
      return () => {};
    };
    const folders = foldersOf("w4", callAfter);
    const { id } = await folders.own();
    adoptOthers();
    await expect.poll(() => readdir(join(folder, cluster))).toEqual([id]);
  });

  test("a process that stands still keeps its store until its worker is fenced: then it is killed", async () => {
    const holder = spawn(process.execPath, [
      join(import.meta.dirname, "fixtures/hold-store.ts"),
      folder,
      cluster,
      "held",
    ]);
    onTestFinished(() => void holder.kill("SIGKILL"));
    const [line] = (await once(holder.stdout, "data")) as [Buffer];
    const id = line.toString().trim() as StoreId;
    process.kill(holder.pid as number, "SIGSTOP");
    const folders = foldersOf("other");
    expect(await folders.adopt(id)).toBe(false);
    // Of another worker nobody said that it is fenced.
    expect(await folders.adopt(id, "somebody" as WorkerId)).toBe(false);
    const ended = once(holder, "exit");
    expect(await folders.adopt(id, "held" as WorkerId)).toBe(true);
    expect(await ended).toEqual([null, "SIGKILL"]);
    expect(await folders.all[0]?.database.store(PLACE).manifests()).toEqual([newest]);
  });
});
