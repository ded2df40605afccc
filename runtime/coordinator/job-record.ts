/**
 * What the coordinator's store keeps of a job: enough to show it, and to carry on with it after a restart.
 *
 * Plain data. The plan is stored once beside it, as it is large and never changes.
 */

import { EXCEPTIONS_RETAINED } from "../../core/limits.ts";
import type { KnownCheckpoints } from "../checkpoints/choose-checkpoint.ts";
import { continuedLineage, newLineage } from "../checkpoints/lineage.ts";
import type { BundleHash, JobId } from "../cluster-ids.ts";
import type { StoredCheckpoint } from "../cluster-protocol.ts";
import type { PlannedJob } from "../planned-job.ts";
import type { ErrorReport, SubtaskReport } from "../protocol.ts";
import type { JobStatus } from "../rest/views.ts";
import { createJob, isFinalStatus, type JobLife } from "./job-life.ts";
import { createRegion, type RegionLife } from "./region-life.ts";
import { noFailures, type RestartHistory } from "./restart-strategy.ts";

/** What was asked for, beside the plan. */
export interface Submission {
  readonly bundle: BundleHash;
  readonly workingDirectory: string;
  readonly slotHeapMb: number | undefined;
  /** The savepoint that it goes on from. */
  readonly from?: SubmittedSavepoint | undefined;
}

export interface SubmittedSavepoint extends StoredCheckpoint {
  readonly lineage: string;
}

export interface JobRecord {
  readonly id: JobId;
  /** Grows with each submission: the order in which jobs wait. */
  readonly serial: number;
  readonly submission: Submission;
  readonly status: JobStatus;
  /** When it came into each status last, epoch milliseconds. */
  readonly timestamps: Readonly<Partial<Record<JobStatus, number>>>;
  readonly aim: JobLife["aim"];
  readonly regions: readonly RegionRecord[];
  readonly times: readonly RegionTimes[];
  readonly latest: ErrorReport | undefined;
  readonly cause: ErrorReport | undefined;
  readonly exceptions: ExceptionHistory;
  /** Whose state it is (`lineage.ts`). */
  readonly lineage: string;
  /** Of each region. */
  readonly checkpoints: readonly KnownCheckpoints[];
  /** Rows kept of each `collectTo` sink. */
  readonly collected: Readonly<Record<string, number>>;
  /** The last report of each slot, kept when the job has ended. */
  readonly reports: readonly SlotReport[];
}

export interface RegionRecord {
  readonly attempt: number;
  readonly restarts: number;
  readonly finished: boolean;
  readonly history: RestartHistory;
}

/** The last attempt of a region, epoch milliseconds. */
export interface RegionTimes {
  readonly deployedMs: number | undefined;
  readonly endedMs: number | undefined;
}

export interface SlotReport {
  readonly slot: number;
  readonly subtasks: readonly SubtaskReport[];
  readonly busyMs: number;
}

export interface ExceptionHistory {
  /** The latest ones, oldest first. */
  readonly entries: readonly ExceptionRecord[];
  /** How many older ones were dropped. */
  readonly truncated: number;
}

export interface ExceptionRecord {
  readonly atMs: number;
  readonly error: ErrorReport;
  readonly region: number | undefined;
  readonly attempt: number;
  readonly restarted: boolean;
  /** Where it happened, if one slot or worker is to blame: host:pid. */
  readonly endpoint: string | undefined;
  readonly worker: string | undefined;
}

export interface StoredJob {
  readonly record: JobRecord;
  readonly plan: PlannedJob;
}

export function createRecord(
  id: JobId,
  serial: number,
  submission: Submission,
  { name, regions }: { readonly name: string; readonly regions: number },
  nowMs: number,
): JobRecord {
  const life = createJob(regions);
  return {
    id,
    serial,
    submission,
    status: "CREATED",
    timestamps: { CREATED: nowMs },
    aim: life.aim,
    regions: life.regions.map(() => ({ attempt: 0, restarts: 0, finished: false, history: noFailures })),
    times: life.regions.map(() => ({ deployedMs: undefined, endedMs: undefined })),
    latest: undefined,
    cause: undefined,
    exceptions: { entries: [], truncated: 0 },
    lineage: submission.from ? continuedLineage(submission.from.lineage, name, () => id) : newLineage(name, id),
    checkpoints: life.regions.map(() => ({ completed: 0, committed: 0 })),
    collected: {},
    reports: [],
  };
}

/** The record with what the job's life has come to. */
export function withLife(record: JobRecord, life: JobLife): JobRecord {
  return {
    ...record,
    aim: life.aim,
    latest: life.latest,
    cause: life.cause,
    regions: life.regions.map((region, at) => ({
      attempt: region.attempt,
      restarts: region.restarts,
      finished: region.phase === "finished",
      history: life.histories[at] ?? noFailures,
    })),
  };
}

export function withStatus(record: JobRecord, status: JobStatus, nowMs: number): JobRecord {
  if (record.status === status) return record;
  return { ...record, status, timestamps: { ...record.timestamps, [status]: nowMs } };
}

export function withException(record: JobRecord, exception: ExceptionRecord): JobRecord {
  const all = [...record.exceptions.entries, exception];
  const dropped = Math.max(0, all.length - EXCEPTIONS_RETAINED);
  return {
    ...record,
    exceptions: { entries: all.slice(dropped), truncated: record.exceptions.truncated + dropped },
  };
}

/**
 * The life of a stored job, as a coordinator that has just started takes it up: what has finished stays so, what was to
 * end has ended with the former coordinator, and the rest begins a new attempt, which no strategy counts. A job that was
 * being stopped is cancelled, as what it would have brought to its end is lost.
 */
export function lifeOf(record: JobRecord): JobLife {
  const aim = record.aim === "drain" ? "cancel" : record.aim;
  const ends = aim === "fail" || aim === "cancel" || aim === "suspend" || isFinalStatus(record.status);
  const regions = record.regions.map((region): RegionLife => {
    const fresh = createRegion(region.attempt, region.restarts);
    if (region.finished) return { ...fresh, phase: "finished" };
    return ends ? { ...fresh, phase: "ended" } : fresh;
  });
  return {
    aim: ends ? aim : "store",
    regions,
    histories: record.regions.map((region) => region.history),
    latest: record.latest,
    cause: record.cause,
  };
}
