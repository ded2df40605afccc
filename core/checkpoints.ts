/** How often a job's state is saved while it runs, and what becomes of it. Plain data; the control plane reads it. */

import { MillraceError } from "./errors.ts";
import { CHECKPOINT_TIMEOUT_MS, CHECKPOINTS_RETAINED, CHECKPOINTS_TOLERATED } from "./limits.ts";
import { type Duration, durationMs, positiveDurationMs } from "./time.ts";

export interface CheckpointOptions {
  /** From the beginning of one checkpoint to that of the next. */
  readonly interval: Duration;
  /** A checkpoint that takes longer is given up. Default "10m". */
  readonly timeout?: Duration;
  /** At least so long no checkpoint begins after one has ended, however long it took. Default "0s". */
  readonly minPause?: Duration;
  /** How many checkpoints in a row may come to nothing before the job fails. Default 3. */
  readonly tolerated?: number;
  /** How many complete checkpoints are kept, beside savepoints. Default 3. */
  readonly retained?: number;
  /**
   * On how many hosts' workers a cluster keeps them, where the workers do. A job that cannot have as many is refused.
   * Default: 2 where there are as many hosts.
   */
  readonly copies?: number;
  /**
   * Whether a job that comes to its end takes one more checkpoint, with all of its state. Default true: a later run that goes on
   * from there has nothing to do again. false: only if a sink or source commits something by it; a later run then goes on
   * from the checkpoint before.
   */
  readonly atEnd?: boolean;
  /**
   * Whether barriers overtake what is on its way between subtasks, which becomes part of the checkpoint, so that slow
   * operators cannot hold it up; `alignmentTimeout`: only when it is not complete after so long. Default false. Savepoints
   * wait for all that was on its way, whatever is set.
   */
  readonly unaligned?: boolean | { readonly alignmentTimeout: Duration };
}

/** The same with every default filled in. */
export interface CheckpointSettings {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly minPauseMs: number;
  readonly tolerated: number;
  readonly retained: number;
  /** false: there is none at the end unless something is committed by it. */
  readonly atEnd?: boolean | undefined;
  /** Undefined: as many as are usual, where there can be. */
  readonly copies?: number | undefined;
  /** From its beginning until it becomes unaligned; undefined: it does not. */
  readonly alignMs?: number | undefined;
}

/** @throws BAD_DURATION or BAD_OPTION, beginning with `what`. */
export function checkpointSettings(options: CheckpointOptions, what: string): CheckpointSettings {
  const {
    interval,
    timeout,
    minPause = "0s",
    tolerated = CHECKPOINTS_TOLERATED,
    retained = CHECKPOINTS_RETAINED,
    copies,
    atEnd = true,
  } = options;
  return {
    intervalMs: positiveDurationMs(interval, `${what}: interval`),
    timeoutMs: timeout === undefined ? CHECKPOINT_TIMEOUT_MS : positiveDurationMs(timeout, `${what}: timeout`),
    minPauseMs: durationMs(minPause, `${what}: minPause`),
    tolerated: wholeNumber(tolerated, 0, `${what}: tolerated`),
    retained: wholeNumber(retained, 1, `${what}: retained`),
    atEnd: aBoolean(atEnd, `${what}: atEnd`),
    copies: copies === undefined ? undefined : wholeNumber(copies, 1, `${what}: copies`),
    alignMs: alignMs(options, what),
  };
}

function alignMs({ unaligned = false }: CheckpointOptions, what: string): number | undefined {
  if (typeof unaligned === "boolean") return unaligned ? 0 : undefined;
  const timeout: unknown = unaligned?.alignmentTimeout;
  if (timeout !== undefined) return durationMs(unaligned.alignmentTimeout, `${what}: unaligned.alignmentTimeout`);
  throw new MillraceError("BAD_OPTION", `${what}: unaligned must be true, false or { alignmentTimeout: "10s" }`);
}

function aBoolean(value: boolean, what: string): boolean {
  if (typeof value === "boolean") return value;
  throw new MillraceError("BAD_OPTION", `${what} must be true or false, got ${String(value)}`);
}

function wholeNumber(value: number, least: number, what: string): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new MillraceError("BAD_OPTION", `${what} must be a whole number of at least ${least}, got ${value}`);
}
