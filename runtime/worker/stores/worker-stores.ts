/**
 * What a worker has to do with checkpoints: its stores, who may ask it for them, and the stores of the regions that it runs.
 * Nothing of it is loaded or opened before it is needed: an idle worker is small.
 */

import type { LogLevel } from "../../../core/telemetry.ts";
import type { ClusterId, StoreId, WorkerId } from "../../cluster-ids.ts";
import type { Connection } from "../../exchange/link/connection.ts";
import type { Exchange } from "../../exchange/link/link-contract.ts";
import type { CheckpointReads, CheckpointWrites } from "../../state/checkpoint-store.ts";
import {
  type CheckpointSources,
  placeIn,
  type StoreAddress,
  type StoreAnswer,
  type StoreRequest,
} from "../../store-protocol.ts";
import { RegionStore } from "./region-store.ts";
import { StoreClients } from "./store-clients.ts";
import { serveStores } from "./store-connection.ts";
import { StoreFolders, type WorkerFolders } from "./store-folders.ts";
import { type MergeBlocks, StoreService } from "./store-service.ts";

export interface WorkerStoresOptions {
  /** `<data>/stores` */
  readonly folder: string;
  readonly worker: WorkerId;
  readonly exchange: Pick<Exchange, "dialStores">;
  readonly callAfter: (ms: number, callback: () => void) => () => void;
  /** Which stores are open here now, and the places that they have anything of. */
  readonly announce: (stores: readonly StoreId[], places: readonly string[]) => void;
  readonly log: (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** What stands for databases and threads in a simulation. */
  readonly machine?: {
    /** `changed` is called when other stores are open. */
    folders(changed: () => void): WorkerFolders;
    open(location: string): Promise<OpenedStore>;
    readonly merge: MergeBlocks;
  };
}

/** What a region's share of a checkpoint is written to, and what it restores from. */
export type OpenedStore = CheckpointReads & CheckpointWrites;

export interface StoreUse {
  readonly copyTo?: readonly StoreAddress[] | undefined;
  readonly sources?: CheckpointSources | undefined;
}

interface Opened {
  readonly folders: WorkerFolders;
  readonly service: StoreService;
}

export class WorkerStores {
  readonly #options: WorkerStoresOptions;
  readonly #clients: StoreClients;
  #opened: Opened | undefined;

  constructor(options: WorkerStoresOptions) {
    this.#options = options;
    this.#clients = new StoreClients(options);
  }

  /** The worker is a member of this cluster, which is always the same. What is open is announced again. */
  joined(cluster: ClusterId): void {
    if (this.#opened !== undefined) {
      void this.#announce(this.#opened.folders);
      return;
    }
    const { machine } = this.#options;
    const changed = (): void => void this.#announce(folders);
    const folders: WorkerFolders =
      machine?.folders(changed) ?? new StoreFolders({ ...this.#options, cluster, changed });
    this.#opened = { folders, service: new StoreService(folders, this.#clients, machine?.merge) };
  }

  /** Checkpoints by their location. @throws CHECKPOINT_STORE */
  async open(location: string, use: StoreUse = {}): Promise<OpenedStore> {
    const place = placeIn(location);
    const { machine } = this.#options;
    if (place === undefined && machine !== undefined) return await machine.open(location);
    if (place === undefined) {
      const { openCheckpointStore } = await import("../../checkpoints/open-store.ts");
      return await openCheckpointStore(location);
    }
    const { folders } = this.#joined;
    return new RegionStore({
      place,
      folders,
      clients: this.#clients,
      ...(use.copyTo === undefined ? {} : { copyTo: use.copyTo }),
      sources: use.sources,
    });
  }

  /** Another worker has connected. */
  serve(connection: Connection): void {
    serveStores(connection, (request) => this.answer(request));
  }

  /** @throws what it failed with */
  answer(request: StoreRequest): Promise<StoreAnswer> {
    return this.#joined.service.answer(request);
  }

  async close(): Promise<void> {
    this.#clients.close();
    await this.#opened?.folders.close();
  }

  get #joined(): Opened {
    if (this.#opened === undefined) throw new Error("a worker is asked for checkpoints before it has joined a cluster");
    return this.#opened;
  }

  async #announce(folders: WorkerFolders): Promise<void> {
    try {
      const places = await Promise.all(folders.all.map(({ database }) => database.places()));
      this.#options.announce(
        // As it is now: what was given up meanwhile may be another's.
        folders.all.map(({ id }) => id),
        [...new Set(places.flat())],
      );
    } catch (cause) {
      this.#options.log("warn", `the stores cannot be listed: ${(cause as Error).message}`, {});
    }
  }
}
