/**
 * What the coordinator and the worker processes say to each other: the only file that both import.
 *
 * A worker opens one connection to the coordinator and says hello; it is welcomed with an epoch, or refused. From then on
 * every message of either side carries that epoch, and a message of another epoch is dropped: a worker that was taken for
 * dead gets a new epoch when it comes back, so what it still does in its old one reaches nobody.
 *
 *   worker                      coordinator
 *     hello            ──►
 *                      ◄──        welcome (epoch), refused
 *     heartbeat        ◄──►       heartbeat
 *                      ◄──        prepare (slots are coming: start threads ahead)
 *                      ◄──        deploy (a region's slots on this worker)
 *     bundleWanted     ──►
 *                      ◄──        bundle
 *     fromSlot         ──►        (running, reports, logs, collected rows, failures, splits asked for and dealt)
 *                      ◄──        checkpoint (its slots' share of one)
 *     snapshot         ──►        (what its slots gave is in the store), snapshotDeclined
 *                      ◄──        checkpointEnded
 *                      ◄──        toSlot
 *                      ◄──        end (cancel, stop or kill a deployment)
 *     slotEnded        ──►
 *     linkLost         ──►
 *                      ◄──        store (what the coordinator asks of its stores)
 *     storeAnswer      ──►
 *     stores           ──►        (which ones it has open)
 *                      ◄──        shutdown
 *
 * All of it is plain data that structured clone carries: numbers may be infinite, splits and rows may hold dates, bigints
 * and bytes.
 */

import type { Params } from "../core/job.ts";
import type { StateSettings } from "../core/state-options.ts";
import type { Acknowledgement } from "./checkpoints/slot-snapshots.ts";
import type { UpgradeOptions } from "./checkpoints/upgrade.ts";
import type { AttemptId, BundleHash, ClusterId, JobId, StoreId, WorkerId } from "./cluster-ids.ts";
import type { ExecutionGraph } from "./graph/execution-graph.ts";
import type { JobGraph } from "./graph/job-graph.ts";
import type { ErrorReport, FromSlot, JobEnd, ToSlot } from "./protocol.ts";
import type { CheckpointName } from "./state/checkpoint-store.ts";
import type { CheckpointSources, StoreAddress, StoreAnswer, StoreRequest } from "./store-protocol.ts";

/** Raised when a message changes its meaning: both sides refuse another one. */
export const CONTROL_PROTOCOL = 1;

/** What a worker has, by name: zone, gpu, and whatever an operator may require. */
export type Labels = Readonly<Record<string, string | number | boolean>>;

/** Where a worker takes the exchange's connections. */
export type ExchangeAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export interface WorkerDescription {
  readonly worker: WorkerId;
  readonly host: string;
  readonly pid: number;
  readonly slots: number;
  readonly labels: Labels;
  /** What its process may use, bytes. */
  readonly memoryBytes: number;
  readonly exchange: ExchangeAddress;
}

export interface WorkerHello {
  readonly kind: "hello";
  readonly protocol: number;
  /** The version of millrace, which has to be the coordinator's. */
  readonly version: string;
  readonly description: WorkerDescription;
  /** The cluster that welcomed it before; absent at its first hello. Another one refuses it. */
  readonly cluster?: ClusterId | undefined;
}

export type Greeting =
  | {
      readonly kind: "welcome";
      readonly cluster: ClusterId;
      readonly epoch: number;
      readonly heartbeatEveryMs: number;
      /** After this long without a sign of the other side, each takes it for lost. */
      readonly heartbeatTimeoutMs: number;
    }
  | { readonly kind: "refused"; readonly error: ErrorReport };

/** After the greeting: every message in its envelope. */
export interface Envelope<Message> {
  readonly epoch: number;
  readonly message: Message;
}

/**
 * A region of a job, to be run by the workers that have its slots. Every one of them gets the same value and starts the
 * slots that `placement` gives to it.
 */
export interface RegionDeployment {
  readonly attempt: AttemptId;
  readonly jobId: JobId;
  readonly jobName: string;
  /** 1 for the first. */
  readonly attemptNumber: number;
  readonly bundle: BundleHash;
  readonly params: Params;
  /** What relative paths of the job are relative to: the folder from which it was submitted. */
  readonly workingDirectory: string;
  readonly jobGraph: JobGraph;
  /** Of the whole job. */
  readonly executionGraph: ExecutionGraph;
  readonly graphHash: string;
  readonly showRecordsInErrors: boolean;
  /** A slot that does not reach its next step for so long is ended. */
  readonly watchdogMs: number;
  readonly slotHeapMb: number | undefined;
  /** The region's slots, and only these. */
  readonly placement: readonly SlotPlacement[];
  /** Whether checkpoints are taken while it runs. */
  readonly checkpointing: boolean;
  /** Whose state those are (`checkpoints/lineage.ts`). */
  readonly lineage: string;
  /** Where its state is while it runs; undefined: on the heap. */
  readonly state?: StateSettings | undefined;
  /** What it goes on from; undefined: it begins. */
  readonly restore: RestoredCheckpoint | undefined;
}

/** A checkpoint at a location that every worker of the region can read: a folder, a URL, or the workers' own stores. */
export interface StoredCheckpoint {
  readonly folder: string;
  readonly checkpoint: CheckpointName;
  /** What is allowed where it is of another program than the job's. */
  readonly upgrade?: UpgradeOptions;
}

export interface RestoredCheckpoint extends StoredCheckpoint {
  /** Of one in the workers' own stores: its manifests, and who has its blocks. */
  readonly sources?: CheckpointSources | undefined;
}

export interface SlotPlacement {
  /** Of the execution graph. */
  readonly slot: number;
  readonly worker: WorkerId;
  /** Of the worker's membership: exchange connections of another epoch are refused. */
  readonly epoch: number;
  readonly exchange: ExchangeAddress;
}

export type ToWorker =
  | { readonly kind: "heartbeat"; readonly serial: number }
  /** So many slots may come: of a job that is about to be submitted, or of an attempt that is being prepared. */
  | { readonly kind: "prepare"; readonly slots: number }
  | { readonly kind: "deploy"; readonly deployment: RegionDeployment }
  | { readonly kind: "bundle"; readonly hash: BundleHash; readonly code: Uint8Array | undefined }
  | { readonly kind: "toSlot"; readonly attempt: AttemptId; readonly slot: number; readonly message: ToSlot }
  /** The slots of the attempt take a checkpoint, which the worker writes to the location. */
  | {
      readonly kind: "checkpoint";
      readonly attempt: AttemptId;
      readonly checkpoint: number;
      readonly full: boolean;
      readonly ends?: JobEnd | undefined;
      readonly folder: string;
      /** In the workers' own stores: which others have to keep a copy of what each worker writes. */
      readonly copyTo?: Readonly<Record<WorkerId, readonly StoreAddress[]>> | undefined;
    }
  | {
      readonly kind: "checkpointEnded";
      readonly attempt: AttemptId;
      readonly checkpoint: number;
      readonly complete: boolean;
    }
  /** cancel: close and end at once; stop: sources end, windows fire, then end; kill: end the threads. */
  | { readonly kind: "end"; readonly attempt: AttemptId; readonly how: "cancel" | "stop" | "kill" }
  /** The coordinator asks something of the worker's stores. */
  | { readonly kind: "store"; readonly serial: number; readonly request: StoreRequest }
  | { readonly kind: "shutdown"; readonly reason: string };

export type FromWorker =
  | { readonly kind: "heartbeat"; readonly serial: number; readonly rssBytes: number }
  | { readonly kind: "bundleWanted"; readonly hash: BundleHash }
  | { readonly kind: "fromSlot"; readonly attempt: AttemptId; readonly slot: number; readonly message: FromSlot }
  /** All slots of the attempt on this worker have been saved, and what they gave survives a loss of power. */
  | ({ readonly kind: "snapshot"; readonly attempt: AttemptId } & Acknowledgement)
  | {
      readonly kind: "snapshotDeclined";
      readonly attempt: AttemptId;
      readonly checkpoint: number;
      readonly error: ErrorReport;
    }
  /** The last message of a slot. `lost` when its thread ended by itself or was ended: what happened. */
  | {
      readonly kind: "slotEnded";
      readonly attempt: AttemptId;
      readonly slot: number;
      readonly lost: ErrorReport | undefined;
    }
  /** The answer to "store", or why there is none. */
  | {
      readonly kind: "storeAnswer";
      readonly serial: number;
      readonly answer: StoreAnswer | undefined;
      readonly error: ErrorReport | undefined;
    }
  /** Which stores the worker has open from now on, and of which places they have anything. */
  | { readonly kind: "stores"; readonly stores: readonly StoreId[]; readonly places: readonly string[] }
  /** The exchange with another worker is gone; attempts that use it cannot go on. */
  | {
      readonly kind: "linkLost";
      readonly peer: WorkerId;
      readonly attempts: readonly AttemptId[];
      readonly reason: string;
    };
