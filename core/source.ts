/**
 * Sources: where streams begin.
 *
 * A source is data plus two factories. Its enumerator runs once a job, in the control plane, and deals out splits: plain
 * data that says what to read. Its readers run in the subtasks, one each, and read one split after the other. A reader
 * asks for its next split when it has finished one, so fast readers read more, and splits start in order.
 */

import type { Gate, OperatorState, Push, RuntimeContext } from "./operator.ts";
import type { OutputTag } from "./side-output.ts";
import type { Duration } from "./time.ts";

export interface Source<T, Split = unknown> {
  /** Names the operator when the job does not, e.g. "jsonl:clicks.jsonl". */
  readonly name: string;
  /** Whether the stream ends by itself. */
  readonly bounded: boolean;
  /** How many subtasks make sense; absent: as many as the job has. */
  readonly parallelismMax?: number;
  /** How long one asynchronous step may take; default 60 s. */
  readonly timeout?: Duration;
  /**
   * About how many bytes all of its records are, as far as that is known before it begins: of files their sizes. By it a batch
   * decides what it sorts. Undefined: it is not known.
   */
  sizeBytes?(workingDirectory: string): number | undefined;
  enumerate(context: EnumeratorContext): SplitEnumerator<Split> | Promise<SplitEnumerator<Split>>;
  /**
   * Divides anew what a checkpoint holds of the source, for so many subtasks; called when a job goes on from one. For
   * sources whose splits belong to a subtask as long as it runs. Without it, splits that were being read go on as they were,
   * each with whoever asks first.
   */
  redistribute?(cut: SourceCut<Split>, parallelism: number): SourceCut<Split>;
  reader(context: SourceContext): SourceReader<T, Split>;
}

/** What a checkpoint holds of a source. */
export interface SourceCut<Split> {
  /** Splits that were dealt out and not finished, from where they go on; absent: from their start. */
  readonly reading: readonly { readonly split: Split; readonly position?: unknown }[];
  /** What the enumerator's `snapshot` returned. */
  readonly enumerator: unknown;
}

export interface EnumeratorContext {
  readonly parallelism: number;
  /** What relative paths are relative to: the folder in which the job was started or submitted. */
  readonly workingDirectory: string;
  readonly signal: AbortSignal;
  /** What `snapshot` returned in the checkpoint from which the job goes on; absent: the job begins. */
  readonly restored?: unknown;
}

export interface SplitEnumerator<Split> {
  /** The next split for a subtask that has nothing to read, or undefined when there will be no more for it. */
  next(subtask: number): Split | undefined | Promise<Split | undefined>;
  /**
   * What it has to know to go on after the splits that it has dealt out so far, as plain data; `enumerate` gets it back as
   * `restored`. A `next` that has not settled has dealt out nothing yet. Without it the job takes no checkpoints.
   */
  snapshot?(): unknown;
  close?(): void | Promise<void>;
}

export interface SourceContext extends RuntimeContext {
  /** Pushes into a side output, for instance lines that could not be read. */
  side<T>(tag: OutputTag<T>, value: T, timestamp: number): void;
  /** What the reader keeps beside the positions of its splits. */
  readonly operatorState: OperatorState;
  /** Whether checkpoints are taken. */
  readonly checkpointing: boolean;
  /** For a reader that reads several things at the same time, as partitions: each then has a watermark of its own. */
  readonly parts: SourceParts;
}

/** Of what the records of a split are, where event time goes on in each by itself. A reader that says nothing has one part. */
export interface SourceParts {
  /**
   * These, by their names, are what is being read from now on: the watermark waits for each. None: nothing is read for the
   * time being, and nobody waits for this subtask.
   */
  replace(names: readonly string[]): void;
  /** The records that are pushed from now on are of this one. REQUIRES: it is among them. */
  reading(name: string): void;
}

/**
 * What `read` returns: "more" to be called again soon, "end" when the split is finished, a number of milliseconds to be
 * called again after, or a promise of one of these while it waits for the outside.
 */
export type ReadStep = "more" | "end" | number;

export interface SourceReader<T, Split = unknown> {
  /** Begins a split, at a position that `position` returned earlier, or at its start. */
  begin(split: Split, position?: unknown): void | Promise<void>;
  /**
   * Pushes up to `max` records and stops early when the gate becomes blocked.
   * REQUIRES: a split was begun and has not ended.
   */
  read(push: Push<T>, max: number, gate: Gate): ReadStep | Promise<ReadStep>;
  /** Where the current split goes on, as plain data: the record after the last pushed one. */
  position(): unknown;
  /**
   * A checkpoint is complete: a restart will go on from it, or from a later one. `position` is what was returned for it, or
   * undefined when no split was being read. Not every checkpoint is told of, and the last ones before a failure are not.
   */
  checkpointCompleted?(checkpoint: number, position: unknown): void;
  /** Pushes nothing of this part for a while, as it is too far ahead of others. Without it, reading stops altogether. */
  pause?(part: string, paused: boolean): void;
  close?(): void | Promise<void>;
}
