/**
 * Where a cluster keeps checkpoints.
 *
 *   in the workers' own stores   by default; `checkpoints/<job>/<region>/` has the manifests (`workers-store.ts`)
 *   at a location                that the coordinator and all workers reach: `<location>/<job>/<region>`
 *   savepoints/<job>-<time>/     savepoints, which stay until somebody deletes them, when nobody says where they go
 */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import { CHECKPOINT_COPIES } from "../../core/limits.ts";
import type { LogLevel } from "../../core/telemetry.ts";
import { mergeInThread } from "../checkpoints/merge-in-thread.ts";
import { locationBelow, openCheckpointStore, removeCheckpoints } from "../checkpoints/open-store.ts";
import type { JobId, WorkerId } from "../cluster-ids.ts";
import type { CheckpointName, CheckpointStore } from "../state/checkpoint-store.ts";
import { type CheckpointSources, placeIn, type StoreAddress, workersLocation } from "../store-protocol.ts";
import type { ClusterStores } from "./cluster-stores.ts";
import { jobFolder } from "./job-paths.ts";
import type { CheckpointStorage } from "./job-store.ts";
import { copiesOf, WorkersStore } from "./workers-store.ts";

export interface CheckpointFoldersOptions {
  /** The coordinator's data folder. */
  readonly data: string;
  /** Undefined: the workers' own stores. */
  readonly location?: string | undefined;
  readonly stores: ClusterStores;
  readonly log: (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** What stands for disks and threads in a simulation; absent: the machine's. */
  readonly machine?: StoringMachine;
}

interface StoringMachine {
  open(location: string): Promise<CheckpointStore>;
  merge(store: CheckpointStore, name: CheckpointName): Promise<CheckpointName>;
}

const ownMachine: StoringMachine = { open: openCheckpointStore, merge: mergeInThread };

export class CheckpointFolders implements CheckpointStorage {
  readonly stores: ClusterStores;
  readonly #options: CheckpointFoldersOptions;
  readonly #machine: StoringMachine;
  readonly #root: string;
  readonly #savepoints: string;

  constructor(options: CheckpointFoldersOptions) {
    this.stores = options.stores;
    this.#options = options;
    this.#machine = options.machine ?? ownMachine;
    this.#root = join(options.data, "checkpoints");
    this.#savepoints = join(options.data, "savepoints");
  }

  savepointFolder(job: JobId, nowMs: number): string {
    return `${jobFolder(this.#savepoints, job)}-${nowMs}`;
  }

  folderOf(job: JobId, region: number): string {
    const { location } = this.#options;
    const own = join(jobFolder("", job), String(region));
    return location === undefined ? workersLocation(own) : locationBelow(location, own);
  }

  open(location: string, copies?: number): Promise<CheckpointStore> {
    const place = placeIn(location);
    return place === undefined ? this.#machine.open(location) : this.#openPlace(place, copies);
  }

  async merge(location: string, name: CheckpointName, copies?: number): Promise<CheckpointName> {
    const store = await this.open(location, copies);
    return store instanceof WorkersStore ? await store.merge(name) : await this.#machine.merge(store, name);
  }

  async sourcesOf(location: string, name: CheckpointName): Promise<CheckpointSources | undefined> {
    const store = await this.open(location);
    return store instanceof WorkersStore ? await store.sourcesOf(name) : undefined;
  }

  async lackCopies(store: CheckpointStore, names: readonly CheckpointName[]): Promise<boolean> {
    return store instanceof WorkersStore && (await store.lackCopies(names));
  }

  copyTo(location: string, workers: readonly WorkerId[], copies = CHECKPOINT_COPIES) {
    if (placeIn(location) === undefined) return undefined;
    const found = workers.map((id): readonly [WorkerId, readonly StoreAddress[]] => {
      return [id, copiesOf(this.stores, id, copies)];
    });
    return Object.fromEntries(found) as Readonly<Record<WorkerId, readonly StoreAddress[]>>;
  }

  checkCopies(copies: number | undefined): void {
    // Elsewhere it is the location's business.
    if (copies === undefined || this.#options.location !== undefined) return;
    const hosts = new Set(this.stores.workers.map(({ description }) => description.host));
    if (copies <= Math.max(1, hosts.size)) return;
    const found = hosts.size === 1 ? "1 host" : `${hosts.size} hosts`;
    throw new MillraceError(
      "CHECKPOINT_COPIES",
      `the job wants ${copies} copies of its checkpoints, each on another host, and the cluster has workers on ${found}. ` +
        "Start workers on more hosts, or ask for fewer copies",
    );
  }

  async remove(job: JobId): Promise<void> {
    const { location } = this.#options;
    await rm(jobFolder(this.#root, job), { recursive: true, force: true });
    if (location === undefined) await this.stores.askAll({ kind: "forget", job });
    else await removeCheckpoints(locationBelow(location, jobFolder("", job)));
  }

  async #openPlace(place: string, copies = CHECKPOINT_COPIES): Promise<WorkersStore> {
    const { stores, log } = this.#options;
    return new WorkersStore({
      place,
      stores,
      own: await this.#machine.open(join(this.#root, place)),
      copyTo: ({ worker }) => copiesOf(stores, worker, copies),
      copies,
      copyFailed: (cause) => log("warn", `a manifest was not copied: ${cause.message}`, { place }),
    });
  }
}
