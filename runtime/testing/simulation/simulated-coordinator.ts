/** A coordinator process of a simulated cluster: the cluster of production, over a simulated disk and network. */

import type { BundleHash, ClusterId, JobId } from "../../cluster-ids.ts";
import { CheckpointFolders } from "../../coordinator/checkpoint-folders.ts";
import { Cluster } from "../../coordinator/cluster.ts";
import { ClusterStores } from "../../coordinator/cluster-stores.ts";
import { JobResultFiles } from "../../coordinator/job-result-files.ts";
import { StoredJobs } from "../../coordinator/stored-jobs.ts";
import { openDirectoryStore } from "../../state/directory-store.ts";
import type { Files } from "../../state/files.ts";
import { mergeCheckpoint } from "../../state/merge-checkpoint.ts";
import type { ControlNetwork } from "./control-network.ts";
import type { Disk } from "./disk.ts";
import { filesOf } from "./disk-files.ts";
import { openDocuments } from "./documents.ts";
import type { SimulatedProcess } from "./process.ts";

export interface SimulatedCoordinatorParts {
  readonly process: SimulatedProcess;
  readonly disk: Disk;
  readonly control: ControlNetwork;
  /** Whether workers keep checkpoints, or a folder that all hosts share. */
  readonly storesInWorkers: boolean;
  readonly version: string;
  readonly newJobId: () => JobId;
  readonly log: (message: string) => void;
  /** It could not start. */
  readonly failed: (cause: Error) => void;
}

/** Where a simulated cluster keeps everything. */
export const DATA_FOLDER = "/data";
export const SHARED_FOLDER = "/shared";

const HEARTBEAT_EVERY_MS = 500;
const HEARTBEAT_TIMEOUT_MS = 3000;
const NEVER_MS = 1e12;
const times = { deployTimeoutMs: 20_000, stopGraceMs: 1000, killGraceMs: 1000 };

export class SimulatedCoordinator {
  readonly process: SimulatedProcess;
  /** Since when it has not been ready. */
  readonly startedMs: number;
  cluster: Cluster | undefined;
  results: JobResultFiles | undefined;

  constructor(parts: SimulatedCoordinatorParts) {
    this.process = parts.process;
    this.startedMs = parts.process.world.nowMs;
    this.#start(parts).catch(parts.failed);
  }

  async #start({
    process,
    disk,
    control,
    storesInWorkers,
    version,
    newJobId,
    log,
  }: SimulatedCoordinatorParts): Promise<void> {
    const files = filesOf(process, disk);
    await files.mkdir(DATA_FOLDER, { recursive: true });
    const store = await StoredJobs.open(
      await openDocuments(files, `${DATA_FOLDER}/store/log`),
      () => "simulated" as ClusterId,
    );
    const results = new JobResultFiles({ folder: `${DATA_FOLDER}/results`, files });
    const cluster = new Cluster({
      version,
      clock: process.clock,
      random: () => process.world.random.next(),
      callAfter: process.callAfter,
      newJobId,
      ...{
        store,
        results,
        storage: storageOn(files, storesInWorkers, process),
        logs: { append: (_, { level, message }) => log(`${level} ${message}`) },
      },
      readBundle: (_: BundleHash) => Promise.resolve(new Uint8Array(1)),
      log: (level, message) => log(`${level} ${message}`),
      jobDeleted: () => {},
      heartbeatEveryMs: HEARTBEAT_EVERY_MS,
      heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
      slotTimeoutMs: NEVER_MS,
      times,
    });
    this.cluster = cluster;
    this.results = results;
    await cluster.recover();
    control.door = { process, cluster };
  }
}

function storageOn(files: Files, inWorkers: boolean, process: SimulatedProcess): CheckpointFolders {
  return new CheckpointFolders({
    data: DATA_FOLDER,
    location: inWorkers ? undefined : SHARED_FOLDER,
    stores: new ClusterStores({
      nowMs: () => process.clock.monotonicMs(),
      callAfter: process.callAfter,
      log: () => {},
    }),
    log: () => {},
    machine: {
      open: (folder) => openDirectoryStore(folder, files),
      merge: (store, name) => mergeCheckpoint(store, name, { worker: "merged" }),
    },
  });
}
