/**
 * What control plane and data plane say to each other: the only file that both import.
 *
 * All of it is plain data. A deployment goes to a slot once; messages go both ways while it runs.
 */

import type { ErrorCode, ErrorOrigin } from "../core/errors.ts";
import type { OperatorId, VertexId } from "../core/ids.ts";
import type { Params } from "../core/job.ts";
import type { StateSettings } from "../core/state-options.ts";
import type { LogLevel } from "../core/telemetry.ts";
import type { UpgradeOptions } from "./checkpoints/upgrade.ts";
import type { ExecutionGraph } from "./graph/execution-graph.ts";
import type { JobGraph } from "./graph/job-graph.ts";
import type { BlockPlace, CheckpointName } from "./state/checkpoint-store.ts";

/** Everything a slot needs to run its share of a job. */
export interface SlotDeployment {
  readonly jobId: string;
  readonly jobName: string;
  readonly module: string;
  /** Whether the module is a bundle, whose imports lead elsewhere (`bundle-resolution.ts`). */
  readonly bundled: boolean;
  readonly params: Params;
  readonly attempt: number;
  readonly slot: number;
  readonly jobGraph: JobGraph;
  readonly executionGraph: ExecutionGraph;
  /** The structural hash of the graph: a slot that builds another graph from the module refuses to run it. */
  readonly graphHash: string;
  readonly showRecordsInErrors: boolean;
  readonly freeze: boolean;
  /** What relative paths of the job are relative to. */
  readonly workingDirectory: string;
  /** The sources whose enumerators this slot runs, instead of whoever deployed it. */
  readonly enumerates: readonly VertexId[];
  /** Whether what sinks print goes to the job's log by "printed", instead of to this process's own output. */
  readonly printsToLog: boolean;
  readonly memory: SharedMemory;
  /**
   * Whether checkpoints are taken. The slot then stays until one that holds its end is complete, and its last "snapshotted"
   * counts for all later checkpoints. It asks for it by "wantsCheckpoint", or by "atEnd" where nothing is committed by it: then
   * the answer may be "released".
   */
  readonly checkpointing?: boolean;
  /** Whose state those are (`checkpoints/lineage.ts`). */
  readonly lineage?: string;
  /** Where its state is beyond a budget of memory; absent: all of it is on the heap. */
  readonly state?: SlotStateDeployment | undefined;
  /** What the job goes on from; absent: it begins. */
  readonly restore?: SlotRestore;
  /** Of a stage of a batch. */
  readonly batch?: SlotBatch;
}

/** Where the stages of a batch leave records for one another (`task/batch-slot.ts`). */
export interface SlotBatch {
  /** The folder of the stage's own attempt. */
  readonly writes: string;
  /** By the number of an edge: the folder of the attempt that has written it. */
  readonly reads: Readonly<Record<number, string>>;
  /** By the number of an edge: how many subtasks read it. */
  readonly consumers: Readonly<Record<number, number>>;
}

/** The slot's own folder for what exceeds the budget; it goes with the slot. */
export interface SlotStateDeployment extends StateSettings {
  readonly folder: string;
}

/** The slot reads it by "readManifest" and "readBlocks". */
export interface SlotRestore {
  readonly checkpoint: CheckpointName;
  /** What is allowed where it is of another program. */
  readonly upgrade?: UpgradeOptions | undefined;
}

/** A split on its way to a reader. */
export interface DealtSplit {
  /** Rises with every split that is dealt out of a source in an attempt, from 1. */
  readonly serial: number;
  readonly split: unknown;
  /** Where its reader has to go on, if it was begun before the restart. */
  readonly position?: unknown;
}

/** What a checkpoint has to know of one subtask beside its blocks. Bytes are of `runtime/state/plain-bytes.ts`. */
export interface SubtaskSnapshot {
  readonly vertex: VertexId;
  readonly subtask: number;
  /** Nothing will come out of it any more. */
  readonly finished: boolean;
  /** Watermark and operator state of each operator of its chain. */
  readonly operators: readonly { readonly operator: OperatorId; readonly rest: Uint8Array }[];
  /** Of a source's subtask. */
  readonly source?: SourceSnapshot;
  /** Bytes from other slots that came while its barriers were aligned; absent: none. */
  readonly alignedBytes?: number;
  /** What two-phase sinks have prepared and not committed: a list of `PreparedPart` each. */
  readonly commits: readonly { readonly operator: OperatorId; readonly prepared: Uint8Array }[];
}

export interface SourceSnapshot {
  /** Of the last split that it has begun, 0 for none; Infinity when it was told that there is no more. */
  readonly lastSerial: number;
  /** The split that it is reading: `{ split, position }`. */
  readonly current?: Uint8Array;
}

/**
 * The memory of a process's exchange. Slots of other processes stand behind one further slot, number
 * `executionGraph.slots`: the process's network, which moves frames between their channels and sockets.
 */
export interface SharedMemory {
  /** A doorbell for each slot and for the network; the words of a slot also say how far it has come (`doorbell.ts`). */
  readonly doorbells: SharedArrayBuffer;
  /** The pool of each slot, for its outgoing channels, then the network's, for incoming ones; null for slots elsewhere. */
  readonly pools: readonly (SharedArrayBuffer | null)[];
  /** The control block of each channel between slots; null within one, and where neither end is here. */
  readonly channels: readonly (SharedArrayBuffer | null)[];
  /** Whether each slot is in another process. */
  readonly remote: readonly boolean[];
}

/** An error as data. */
export interface ErrorReport {
  readonly code: ErrorCode | undefined;
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly operator: string | undefined;
  readonly origin: ErrorOrigin | undefined;
  readonly cause: ErrorReport | undefined;
}

/** Logarithmic buckets: bucket → count; bucket b spans 5 %: [1.05^b, 1.05^(b+1)). Zero and less are in bucket -2000. */
export interface HistogramReport {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly buckets: Readonly<Record<number, number>>;
}

export interface OperatorReport {
  readonly operator: OperatorId;
  readonly counters: Readonly<Record<string, number>>;
  readonly gauges: Readonly<Record<string, number>>;
  readonly histograms: Readonly<Record<string, HistogramReport>>;
}

/** The state of one subtask at a time. */
export interface SubtaskReport {
  readonly vertex: VertexId;
  readonly subtask: number;
  /** Whether it reads from a source instead of from other subtasks. */
  readonly source: boolean;
  readonly phase: string;
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Milliseconds since its start in which it worked, waited for input, and waited for credit. */
  readonly busyMs: number;
  readonly idleMs: number;
  readonly backpressuredMs: number;
  readonly watermark: number;
  readonly backpressured: boolean;
  readonly operators: readonly OperatorReport[];
}

export type ToSlot =
  | {
      readonly kind: "split";
      readonly vertex: VertexId;
      readonly subtask: number;
      /** A `DealtSplit`, null for none. */
      readonly split: unknown;
      readonly none: boolean;
    }
  | { readonly kind: "oversize"; readonly channel: number; readonly serial: number; readonly frame: SharedArrayBuffer }
  /** The answer to "collect" and "printed": they are where they belong, and more may come. */
  | { readonly kind: "collected"; readonly serial: number }
  /** A subtask of another slot asks for a split of a source whose enumerator runs here. */
  | { readonly kind: "dealSplit"; readonly vertex: VertexId; readonly subtask: number }
  /** Sources end as if they had read everything. */
  | { readonly kind: "stop" }
  /**
   * Take a checkpoint; numbers rise. It goes to every slot that has not ended, after all that was said of earlier ones.
   * `full`: it is self-contained, and no later one builds on it. Else it builds on the last one that was not full, was
   * complete, and was taken in the same attempt; the first one of an attempt is self-contained by itself.
   * `ends`: if it is complete the job ends with it. Nothing goes on behind its barriers until it has come to nothing.
   */
  | {
      readonly kind: "checkpoint";
      readonly checkpoint: number;
      readonly full: boolean;
      readonly ends?: JobEnd | undefined;
    }
  /** The checkpoint is unaligned from now on: barriers overtake what is on its way, which becomes part of it. */
  | { readonly kind: "overtake"; readonly checkpoint: number }
  /** Save the enumerator of a source: every reader has been saved, `lastSerials` by subtask. */
  | {
      readonly kind: "cutEnumerator";
      readonly checkpoint: number;
      readonly vertex: VertexId;
      readonly lastSerials: readonly number[];
    }
  /** How far the slowest of the others is for which a source's subtask waits; null: there is none. */
  | { readonly kind: "aligned"; readonly vertex: VertexId; readonly subtask: number; readonly watermark: number | null }
  /** A checkpoint is complete: sinks commit; or it came to nothing. Goes to every slot that has not ended. */
  | { readonly kind: "checkpointEnded"; readonly checkpoint: number; readonly complete: boolean }
  /** All slots of the region have said that they are at their end, and no checkpoint will follow: end without. */
  | { readonly kind: "released" }
  /** The answer to "readManifest" (one, null: there is none) and "readBlocks" (as many as were asked for), or why not. */
  | {
      readonly kind: "stored";
      readonly serial: number;
      readonly found: readonly (Uint8Array | null)[];
      readonly error: ErrorReport | null;
    }
  | { readonly kind: "cancel" };

export type FromSlot =
  | { readonly kind: "running" }
  | { readonly kind: "requestSplit"; readonly vertex: VertexId; readonly subtask: number }
  /** The answer to "dealSplit", for the slot that has the subtask. */
  | {
      readonly kind: "splitDealt";
      readonly vertex: VertexId;
      readonly subtask: number;
      readonly split: unknown;
      readonly none: boolean;
    }
  /** What `print` writes, for the job's log. Serial numbers are counted together with those of "collect". */
  | { readonly kind: "printed"; readonly stream: "stdout" | "stderr"; readonly text: string; readonly serial: number }
  | {
      readonly kind: "oversize";
      readonly toSlot: number;
      readonly channel: number;
      readonly serial: number;
      readonly frame: SharedArrayBuffer;
    }
  | { readonly kind: "collect"; readonly operator: string; readonly rows: readonly unknown[]; readonly serial: number }
  | { readonly kind: "report"; readonly subtasks: readonly SubtaskReport[]; readonly busyMs: number }
  | {
      readonly kind: "log";
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  /** Captured state of one operator, in order; it comes before the "snapshotted" of its checkpoint. */
  | {
      readonly kind: "blocks";
      readonly checkpoint: number;
      readonly operator: OperatorId;
      readonly blocks: readonly Uint8Array<ArrayBuffer>[];
    }
  /** All subtasks of the slot have been saved. */
  | { readonly kind: "snapshotted"; readonly checkpoint: number; readonly subtasks: readonly SubtaskSnapshot[] }
  /** The checkpoint cannot be taken, though the slot goes on. */
  | { readonly kind: "declined"; readonly checkpoint: number; readonly error: ErrorReport }
  /** The answer to "cutEnumerator": bytes for `SplitDealer` to go on from. */
  | {
      readonly kind: "enumeratorCut";
      readonly checkpoint: number;
      readonly vertex: VertexId;
      readonly state: Uint8Array;
    }
  /** How far the slowest part of a source's subtask is, for those of its group; null: nobody has to wait for it. */
  | {
      readonly kind: "align";
      readonly group: string;
      readonly vertex: VertexId;
      readonly subtask: number;
      readonly watermark: number | null;
    }
  /** Something waits for a checkpoint that begins from now on: take one at once. */
  | { readonly kind: "wantsCheckpoint" }
  /** All that the slot still waits for is a checkpoint with its end, by which it commits nothing. */
  | { readonly kind: "atEnd" }
  | { readonly kind: "readManifest"; readonly serial: number; readonly checkpoint: CheckpointName }
  | { readonly kind: "readBlocks"; readonly serial: number; readonly places: readonly BlockPlace[] }
  | { readonly kind: "failed"; readonly error: ErrorReport };

/**
 * How a job ends with a savepoint. "suspend": another one goes on from it as if nothing had been; "drain": event time comes
 * to its end before the barriers, so that all windows fire.
 */
export type JobEnd = "suspend" | "drain";

/** A port of one slot, as both sides see it. */
export interface SlotPort<Send, Receive> {
  send(message: Send): void;
  onMessage(receive: (message: Receive) => void): void;
  /** Resolves when the other side has closed the port and all its messages have been delivered. */
  readonly closed: Promise<void>;
}
