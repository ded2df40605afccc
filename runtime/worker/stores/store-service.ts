/**
 * Answers what other workers and the coordinator ask of this worker's stores (`runtime/store-protocol.ts`). What is written
 * goes into its own store; what is read or deleted is looked for in all that it has open.
 */

import { MillraceError } from "../../../core/errors.ts";
import { STORE_ANSWER_BYTES } from "../../../core/limits.ts";
import type { mergeBlocksInThread } from "../../checkpoints/merge-in-thread.ts";
import type { StoreId } from "../../cluster-ids.ts";
import type { BlockPlace, CheckpointName, CheckpointStore } from "../../state/checkpoint-store.ts";
import { damagedAmong } from "../../state/verify-blocks.ts";
import type { StoreAnswer, StoreRequest } from "../../store-protocol.ts";
import { RegionStore } from "./region-store.ts";
import type { StoreClients } from "./store-clients.ts";
import type { WorkerFolders } from "./store-folders.ts";

export type MergeBlocks = typeof mergeBlocksInThread;

/** Loaded with the first merge only. */
const mergeLater: MergeBlocks = async (store, task) =>
  (await import("../../checkpoints/merge-in-thread.ts")).mergeBlocksInThread(store, task);

export class StoreService {
  readonly #folders: WorkerFolders;
  readonly #clients: StoreClients;
  readonly #mergeBlocks: MergeBlocks;

  /** `merge` absent: in a thread of its own. */
  constructor(folders: WorkerFolders, clients: StoreClients, merge: MergeBlocks = mergeLater) {
    this.#folders = folders;
    this.#clients = clients;
    this.#mergeBlocks = merge;
  }

  /** @throws CHECKPOINT_STORE, STATE_CORRUPT, CHECKPOINT_FORMAT */
  async answer(request: StoreRequest): Promise<StoreAnswer> {
    switch (request.kind) {
      case "writeBlocks":
        return { kind: "written", store: await this.#write(request.place, (store) => store.writeBlocks(request)) };
      case "readBlocks":
        this.#checkOpen(request.store);
        return { kind: "blocks", blocks: await this.#someBlocks(request.place, request.places) };
      case "writeManifest":
        await this.#write(request.place, (store) => store.writeManifest(request.name, request.manifest));
        return { kind: "done" };
      case "readManifest":
        return { kind: "manifest", manifest: await this.#manifest(request.place, request.name) };
      case "list":
        return { kind: "listed", ...(await this.#list(request.place)) };
      case "delete":
        await this.#delete(request);
        return { kind: "done" };
      case "verify":
        this.#checkOpen(request.store);
        return { kind: "verified", damaged: await damagedAmong(this.#readable(request.place), request.blocks) };
      case "merge":
        return await this.#merge(request);
      case "adopt":
        return { kind: "adopted", served: await this.#folders.adopt(request.store, request.fenced) };
      case "forget":
        for (const { database } of this.#folders.all) await database.remove(request.job);
        await this.#folders.deleteEmpty();
        return { kind: "done" };
    }
  }

  /** What is not here is no damage. */
  #checkOpen(store: StoreId): void {
    if (this.#folders.all.some(({ id }) => id === store)) return;
    throw new MillraceError("CHECKPOINT_STORE", `store ${store} is not open in the worker that was asked for it`);
  }

  async #write(place: string, write: (store: CheckpointStore) => Promise<void>): Promise<StoreId> {
    const { id, database } = await this.#folders.own();
    await write(database.store(place));
    return id;
  }

  /** As much as fits into one answer, one block at least. */
  async #someBlocks(place: string, places: readonly BlockPlace[]): Promise<readonly (Uint8Array | undefined)[]> {
    const blocks: (Uint8Array | undefined)[] = [];
    let bytes = 0;
    for await (const block of this.#readable(place).readBlocks(places)) {
      blocks.push(block);
      bytes += block?.length ?? 0;
      if (bytes >= STORE_ANSWER_BYTES) break;
    }
    return blocks;
  }

  async #manifest(place: string, name: CheckpointName): Promise<Uint8Array | undefined> {
    for (const store of this.#storesOf(place)) {
      const manifest = await store.readManifest(name);
      if (manifest !== undefined) return manifest;
    }
    return undefined;
  }

  async #list(place: string): Promise<{ manifests: readonly CheckpointName[]; withBlocks: readonly CheckpointName[] }> {
    const lists = await Promise.all(
      this.#storesOf(place).map((store) => Promise.all([store.manifests(), store.checkpointsWithBlocks()])),
    );
    const joined = (
      of: (list: readonly [readonly CheckpointName[], readonly CheckpointName[]]) => readonly CheckpointName[],
    ) => [...new Set(lists.flatMap(of))].sort();
    return { manifests: joined(([manifests]) => manifests), withBlocks: joined(([, blocks]) => blocks) };
  }

  async #delete({ place, name, what }: Extract<StoreRequest, { readonly kind: "delete" }>): Promise<void> {
    for (const store of this.#storesOf(place)) {
      if (what === "manifest") await store.deleteManifest(name);
      else await store.deleteBlocks(name);
    }
  }

  async #merge({
    place,
    name,
    writer,
    sources,
    copyTo,
  }: Extract<StoreRequest, { readonly kind: "merge" }>): Promise<StoreAnswer> {
    const store = new RegionStore({ place, folders: this.#folders, clients: this.#clients, copyTo, sources });
    const written = await this.#mergeBlocks(store, { name, worker: writer, ownOnly: true });
    return { kind: "merged", written, holders: store.holders as readonly StoreId[] };
  }

  /** All that is here of a place, whichever store it is in. */
  #readable(place: string): RegionStore {
    return new RegionStore({ place, folders: this.#folders, clients: this.#clients });
  }

  #storesOf(place: string): readonly CheckpointStore[] {
    return this.#folders.all.map(({ database }) => database.store(place));
  }
}
