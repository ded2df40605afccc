/** Contract: where the coordinator keeps its jobs, so that another one carries on when it ends. */

import type { HeldRows, RowsLot } from "../checkpoints/collected-rows.ts";
import type { ClusterId, JobId, WorkerId } from "../cluster-ids.ts";
import type { CheckpointName, CheckpointStore } from "../state/checkpoint-store.ts";
import type { CheckpointSources, StoreAddress } from "../store-protocol.ts";
import type { ClusterStores } from "./cluster-stores.ts";
import type { JobRecord, StoredJob } from "./job-record.ts";

export interface JobStore {
  readonly cluster: ClusterId;
  /** Larger than that of every coordinator that opened the store before. */
  readonly generation: number;
  /** ENSURES: the jobs whose `create` has resolved and that were not removed, each as it was saved last. */
  jobs(): Promise<readonly StoredJob[]>;
  /** Resolves when the job is safe. */
  create(job: StoredJob): Promise<void>;
  /** Resolves when the record is safe. Records that are saved one after the other are stored in that order. */
  save(record: JobRecord): Promise<void>;
  remove(id: JobId): Promise<void>;
}

/** Contract: where the lines of jobs' logs go. Lines of one job keep their order. */
export interface JobLogs {
  append(job: JobId, line: JobLogLine): void;
}

export interface JobLogLine {
  readonly time: number;
  readonly level: "debug" | "info" | "warn" | "error" | "out";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Contract: where the rows of `collectTo` sinks go. What is asked for one after the other happens in that order. */
export interface JobResults {
  /** Resolves with how many rows the sink has when these are kept. @throws BAD_OPTION when they are too many. */
  append(job: JobId, sink: string, rows: readonly unknown[], origin?: RowsOrigin): Promise<number>;
  /** Drops what an earlier attempt left. Sinks that have nothing are no mistake. */
  clear(job: JobId, sinks: readonly string[]): Promise<void>;
  /**
   * Drops what a checkpoint does not hold, and resolves with how many rows are left. REQUIRES: an origin with all rows.
   * @param held undefined: it holds all that the sink has.
   */
  keep(job: JobId, sink: string, held: HeldRows | undefined): Promise<number>;
  /** Resolves when what the sinks have survives a loss of power. Sinks that have nothing are no mistake. */
  sync(job: JobId, sinks: readonly string[]): Promise<void>;
}

/** Whence rows come: needed where a restart may have to take some back. */
export type RowsOrigin = Pick<RowsLot, "attempt" | "slot">;

/** Contract: where the coordinator and the workers of a cluster keep checkpoints. Locations are folders, URLs, or the workers' own. */
export interface CheckpointStorage {
  /** The folder of a region's own checkpoints. */
  folderOf(job: JobId, region: number): string;
  /** Where a savepoint goes when nobody says where. */
  savepointFolder(job: JobId, nowMs: number): string;
  /** The checkpoints at a location; a folder is made when it is not there. @throws CHECKPOINT_STORE */
  open(folder: string, copies?: number): Promise<CheckpointStore>;
  /** Writes a checkpoint and what it builds on again as one: the name of the copy. */
  merge(folder: string, name: CheckpointName, copies?: number): Promise<CheckpointName>;
  /** What workers need to restore it, where they keep its blocks themselves. Absent, undefined: everyone reaches them. */
  sourcesOf?(folder: string, name: CheckpointName): Promise<CheckpointSources | undefined>;
  /** Where each of these workers has to copy what it writes, so that there are so many copies if there can be. */
  copyTo?(
    folder: string,
    workers: readonly WorkerId[],
    copies: number | undefined,
  ): Readonly<Record<WorkerId, readonly StoreAddress[]>> | undefined;
  /** Whether checkpoints of a store that `open` gave have fewer copies than there can be now. Absent: they have none. */
  lackCopies?(store: CheckpointStore, names: readonly CheckpointName[]): Promise<boolean>;
  /** @throws CHECKPOINT_COPIES when there cannot be as many as a job asks for. */
  checkCopies?(copies: number | undefined): void;
  /** The workers' own stores. */
  readonly stores?: ClusterStores;
}
