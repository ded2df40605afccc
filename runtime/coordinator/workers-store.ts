/**
 * One region's checkpoints in the workers' own stores, as the coordinator has them.
 *
 *   blocks      in the stores that the manifest names, one of the worker that wrote them and one of each copy
 *   manifests   in the coordinator's folder, and in the stores of the workers that hold blocks
 *
 * The law: a manifest is in the coordinator's folder before any other has it, so what others have was complete, and stands
 * in for one that is lost or damaged there. Blocks are read where they are: of damage the workers tell, and chains are merged by those that wrote them.
 */

import { MillraceError } from "../../core/errors.ts";
import type { StoreId, WorkerId } from "../cluster-ids.ts";
import { faultPoint } from "../fault-point.ts";
import { type CheckpointManifest, decodeManifest, encodeManifest } from "../state/checkpoint-manifest.ts";
import { expectedBlocks, type OpenCheckpoint, openCheckpoint } from "../state/checkpoint-reader.ts";
import {
  type BlockPlace,
  type CheckpointName,
  type CheckpointStore,
  checkpointName,
} from "../state/checkpoint-store.ts";
import { type MergedBlocks, mergedManifest } from "../state/merge-checkpoint.ts";
import type { ExpectedBlock } from "../state/verify-blocks.ts";
import type { CheckpointSources, StoreAddress } from "../store-protocol.ts";
import { addressOf, type ClusterStores } from "./cluster-stores.ts";

export interface WorkersStoreOptions {
  readonly place: string;
  readonly stores: ClusterStores;
  /** The coordinator's own: its manifests count, it has no blocks. */
  readonly own: CheckpointStore;
  /** Who keeps copies of what a worker writes. */
  copyTo(address: StoreAddress): readonly StoreAddress[];
  /** On how many hosts each block is to be, where there are as many. */
  readonly copies: number;
  copyFailed(cause: Error): void;
}

export class WorkersStore implements CheckpointStore {
  readonly #options: WorkersStoreOptions;
  /** By checkpoint and writer. */
  readonly #holders = new Map<string, readonly StoreId[]>();
  /** Whose holders are known. */
  readonly #known = new Set<CheckpointName>();

  constructor(options: WorkersStoreOptions) {
    this.#options = options;
  }

  writeBlocks(): Promise<void> {
    throw new Error("blocks are written by the workers");
  }

  async writeManifest(name: CheckpointName, manifest: Uint8Array): Promise<void> {
    const { place, stores, own, copyFailed } = this.#options;
    await own.writeManifest(name, manifest);
    faultPoint("coordinator.manifest-kept");
    const { holders = {} } = decodeManifest(manifest, name);
    const ids = [...new Set(Object.values(holders).flat() as StoreId[])];
    const addresses = await Promise.all(ids.map((id) => stores.find(id)));
    const copies = unique(addresses.flatMap((address) => address ?? [])).map((address) =>
      stores.ask(address, { kind: "writeManifest", place, name, manifest }),
    );
    for (const copy of await Promise.allSettled(copies))
      if (copy.status === "rejected") copyFailed(copy.reason as Error);
  }

  async readManifest(name: CheckpointName): Promise<Uint8Array | undefined> {
    const { place, stores, own } = this.#options;
    const kept = await own.readManifest(name);
    if (kept !== undefined && this.#remember(name, kept)) return kept;
    const answers = await stores.askAll({ kind: "readManifest", place, name });
    const copies = answers.flatMap(({ manifest }) => manifest ?? []);
    // Where none is whole, whoever reads it says what is wrong with it.
    return copies.find((copy) => this.#remember(name, copy)) ?? kept ?? copies[0];
  }

  async manifests(): Promise<readonly CheckpointName[]> {
    const { own } = this.#options;
    return joined([await own.manifests(), ...(await this.#lists()).map(({ manifests }) => manifests)]);
  }

  async checkpointsWithBlocks(): Promise<readonly CheckpointName[]> {
    return joined((await this.#lists()).map(({ withBlocks }) => withBlocks));
  }

  async *readBlocks(places: readonly BlockPlace[]): AsyncGenerator<Uint8Array | undefined> {
    for (const each of places) yield await this.#readBlock(each);
  }

  async damagedOf(blocks: readonly ExpectedBlock[]): Promise<readonly ExpectedBlock[]> {
    const { stores } = this.#options;
    const holderOf = ({ checkpoint, record }: ExpectedBlock, turn: number) =>
      this.#holdersOf(checkpoint, record.worker)[turn];
    const unreachable = new Set<StoreId>();
    const lost: ExpectedBlock[] = [];
    // In the first turn where they were written, then at the copies of those that are not whole there.
    for (let left = blocks, turn = 0; left.length > 0; turn++) {
      const held = Map.groupBy(left, (block) => holderOf(block, turn));
      const found = await Promise.all(
        [...held].map(async ([store, own]): Promise<readonly ExpectedBlock[]> => {
          if (store === undefined) {
            lost.push(...own);
            return [];
          }
          const damaged = await this.#damagedIn(store, own);
          if (damaged === undefined) unreachable.add(store);
          return damaged ?? own;
        }),
      );
      left = found.flat();
    }
    // What cannot be reached is not lost.
    const [missing] = unreachable;
    if (lost.length > 0 && missing !== undefined) throw notServed(stores.whereabouts(missing));
    return lost;
  }

  /** Undefined: it cannot be reached. */
  async #damagedIn(store: StoreId, blocks: readonly ExpectedBlock[]): Promise<readonly ExpectedBlock[] | undefined> {
    const { place, stores } = this.#options;
    const answer = await stores.askServer(store, { kind: "verify", place, store, blocks }).catch(() => undefined);
    return answer?.damaged.map((at) => blocks[at] as ExpectedBlock); // the answer is about these
  }

  async deleteManifest(name: CheckpointName): Promise<void> {
    const { place, stores, own } = this.#options;
    this.#forget(name);
    await own.deleteManifest(name);
    await stores.askAll({ kind: "delete", place, name, what: "manifest" });
  }

  async deleteBlocks(name: CheckpointName): Promise<void> {
    const { place, stores } = this.#options;
    await stores.askAll({ kind: "delete", place, name, what: "blocks" });
  }

  close(): Promise<void> {
    return this.#options.own.close();
  }

  /** Whether blocks of these checkpoints are on fewer hosts than they could be on now. */
  async lackCopies(names: readonly CheckpointName[]): Promise<boolean> {
    const { stores, copies } = this.#options;
    const hosts = new Set(stores.workers.map(({ description }) => description.host));
    for (const name of names) if (!this.#known.has(name)) await this.readManifest(name);
    const possible = Math.min(copies, hosts.size);
    for (const [place, holders] of this.#holders) {
      if (!names.some((name) => place.startsWith(`${name}/`))) continue;
      const found = new Set(holders.flatMap((store) => stores.hostOf(store) ?? []));
      // Of what nobody serves no copy can be made.
      if (found.size > 0 && found.size < possible) return true;
    }
    return false;
  }

  /** What workers have to know to restore from a checkpoint. */
  async sourcesOf(name: CheckpointName): Promise<CheckpointSources> {
    const checkpoint = await openCheckpoint(this, name);
    const manifests = await Promise.all(
      checkpoint.layers.map(
        async (layer) => [layer.name, (await this.readManifest(layer.name)) as Uint8Array] as const,
      ), // they were opened just now
    );
    const ids = new Set(
      expectedBlocks(checkpoint).flatMap(({ checkpoint: of, record }) => this.#holdersOf(of, record.worker)),
    );
    const found: Record<StoreId, StoreAddress> = {};
    for (const id of ids) {
      const address = await this.#options.stores.find(id);
      if (address !== undefined) found[id] = address;
    }
    return { manifests, stores: found };
  }

  /** Writes a chain again as one, each worker its part of it. @returns the name of the copy. */
  async merge(name: CheckpointName): Promise<CheckpointName> {
    const checkpoint = await openCheckpoint(this, name);
    const sources = await this.sourcesOf(name);
    const merged = checkpointName(checkpoint.manifest.checkpoint, true);
    const parts = await Promise.all(
      writersOf(checkpoint).map(
        async (writer) => [writer, await this.#mergeOf(name, writer, checkpoint, sources)] as const,
      ),
    );
    const written: readonly MergedBlocks[] = parts.flatMap(([, part]) => part.written);
    const holders = Object.fromEntries(parts.map(([writer, part]) => [writer, part.holders]));
    faultPoint("coordinator.chain-merged");
    await this.writeManifest(merged, encodeManifest({ ...mergedManifest(checkpoint.manifest, written), holders }));
    return merged;
  }

  async #mergeOf(name: CheckpointName, writer: string, { layers }: OpenCheckpoint, sources: CheckpointSources) {
    const { place, stores, copyTo } = this.#options;
    const ids = layers.flatMap((layer) => this.#holdersOf(layer.name, writer));
    const address = ids.map((id) => sources.stores[id]).find((each) => each !== undefined);
    if (address === undefined) throw notServed(ids[0] === undefined ? "a store" : stores.whereabouts(ids[0]));
    return await stores.ask(address, { kind: "merge", place, name, writer, sources, copyTo: copyTo(address) });
  }

  async #readBlock(wanted: BlockPlace): Promise<Uint8Array | undefined> {
    const { place, stores } = this.#options;
    let missing: StoreId | undefined;
    for (const store of this.#holdersOf(wanted.checkpoint, wanted.worker)) {
      const answer = await stores.askServer(store, { kind: "readBlocks", place, store, places: [wanted] });
      if (answer === undefined) missing = store;
      else if (answer.blocks[0] !== undefined) return answer.blocks[0];
    }
    if (missing !== undefined) throw notServed(stores.whereabouts(missing));
    return undefined;
  }

  #lists() {
    const { place, stores } = this.#options;
    return stores.askAll({ kind: "list", place });
  }

  #forget(name: CheckpointName): void {
    this.#known.delete(name);
    for (const held of this.#holders.keys()) if (held.startsWith(`${name}/`)) this.#holders.delete(held);
  }

  /** @returns whether it is whole. */
  #remember(name: CheckpointName, bytes: Uint8Array): boolean {
    let manifest: CheckpointManifest;
    try {
      manifest = decodeManifest(bytes, name);
    } catch {
      return false;
    }
    this.#known.add(name);
    for (const [writer, holders] of Object.entries(manifest.holders ?? {}))
      this.#holders.set(`${name}/${writer}`, holders as readonly StoreId[]);
    return true;
  }

  #holdersOf(checkpoint: CheckpointName, writer: string): readonly StoreId[] {
    return this.#holders.get(`${checkpoint}/${writer}`) ?? [];
  }
}

/** Which of the workers keep copies of what a worker writes: of other hosts, each of another one, spread evenly. */
export function copiesOf(
  { workers }: Pick<ClusterStores, "workers">,
  writer: WorkerId,
  copies: number,
): readonly StoreAddress[] {
  const at = workers.findIndex(({ description }) => description.worker === writer);
  const own = workers[at]?.description.host;
  const chosen: StoreAddress[] = [];
  const hosts = new Set([own]);
  // Each begins behind itself: neighbours keep each other's.
  for (let step = 1; step < workers.length && chosen.length < copies - 1; step++) {
    const worker = workers[(at + step) % workers.length];
    if (worker === undefined || hosts.has(worker.description.host)) continue;
    hosts.add(worker.description.host);
    chosen.push(addressOf(worker));
  }
  return chosen;
}

function writersOf({ layers }: OpenCheckpoint): readonly string[] {
  return [...new Set(expectedBlocks({ layers }).map(({ record }) => record.worker))];
}

function unique(addresses: readonly StoreAddress[]): readonly StoreAddress[] {
  return [...new Map(addresses.map((address) => [address.worker, address])).values()];
}

function joined(lists: readonly (readonly CheckpointName[])[]): readonly CheckpointName[] {
  return [...new Set(lists.flat())].sort();
}

function notServed(store: string): MillraceError {
  return new MillraceError(
    "CHECKPOINT_STORE",
    `${store} has blocks of the checkpoint, and no worker of the cluster has it open. Start a worker with its data folder`,
  );
}
