/** A coordinator process of a simulated cluster: the cluster of production, over a simulated disk and network. */

import type { BundleHash, ClusterId, JobId } from "../../cluster-ids.ts";
import { Cluster } from "../../coordinator/cluster.ts";
import { JobResultFiles } from "../../coordinator/job-result-files.ts";
import type { CheckpointStorage } from "../../coordinator/job-store.ts";
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
  readonly version: string;
  readonly newJobId: () => JobId;
  readonly log: (message: string) => void;
  /** It could not start. */
  readonly failed: (cause: Error) => void;
}

/** Where a simulated cluster keeps everything. */
export const DATA_FOLDER = "/data";

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

  async #start({ process, disk, control, version, newJobId, log }: SimulatedCoordinatorParts): Promise<void> {
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
        storage: storageOn(files),
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

/** A folder that all hosts share. */
function storageOn(files: Files): CheckpointStorage {
  return {
    folderOf: checkpointFolder,
    savepointFolder: (job, nowMs) => `${DATA_FOLDER}/savepoints/${job}-${nowMs}`,
    open: (folder) => openDirectoryStore(folder, files),
    merge: async (folder, name) => mergeCheckpoint(await openDirectoryStore(folder, files), name, { worker: "merged" }),
  };
}

export function checkpointFolder(job: JobId, region: number): string {
  return `${DATA_FOLDER}/checkpoints/${job}/${region}`;
}
