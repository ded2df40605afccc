/**
 * Sinks: where streams end. A sink is data plus a factory of writers, one a subtask.
 *
 * A writer that has `prepare` and `commit` takes part in checkpoints, so that what others see of its output holds each
 * record once, whatever fails. Between two checkpoints it writes to where nobody looks; at the barrier it makes that
 * durable and hands out what it needs to publish it; it publishes when the checkpoint that holds this is complete.
 *
 *   write … write ──► prepare(n) ──► write … write ──► prepare(n+1) ──► …
 *                        └─ checkpoint n complete ──► commit(n, what prepare returned)
 *
 * A checkpoint that comes to nothing takes nothing back: its part is committed with the next one that is complete.
 */

import type { Change } from "./changelog.ts";
import type { CheckpointSettings } from "./checkpoints.ts";
import type { KeySelector } from "./key.ts";
import type { OperatorState, RuntimeContext } from "./operator.ts";
import type { Duration } from "./time.ts";

export interface Sink<T> {
  /** Names the operator when the job does not, e.g. "jsonl:out/clicks.jsonl". */
  readonly name: string;
  /** The only parallelism it can have, for instance 1 when it writes a single file; absent: any. */
  readonly parallelism?: number;
  /** How long one asynchronous step may take; default 60 s. */
  readonly timeout?: Duration;
  /** Of an upsert sink: see `UpsertSink`. */
  readonly upsertKey?: KeySelector<never>;
  /** Whether it puts each record behind the others and takes nothing back, so that a changelog makes no sense there. */
  readonly appendOnly?: boolean;
  /**
   * Whether it fits to a job that is about to start, before any of it does: throws what keeps it from working, and returns
   * what may go wrong, of which the job's log warns. Absent: it fits to any.
   */
  fits?(job: SinkJob): string | undefined;
  writer(context: SinkContext): SinkWriter<T>;
}

/** A job as a sink has to fit to it. */
export interface SinkJob {
  /** Undefined: it takes none. */
  readonly checkpoints: Pick<CheckpointSettings, "intervalMs" | "timeoutMs"> | undefined;
  /** Whether all that comes to the sink ends by itself. */
  readonly bounded: boolean;
}

/**
 * A sink that keeps a table: one row for each key. `insert` and `updateAfter` put their row in the place of the key's former
 * one, `delete` removes it, and `updateBefore` says nothing that the next change does not say; the writer leaves it out.
 * A key that is deleted and not there is no error, nor is one that is inserted twice: a restart may repeat changes.
 *
 * `DataStream.to` brings all changes of a key to one writer, in the order in which one subtask made them. So the key must
 * tell apart the rows of all subtasks: as a rule it holds what the stream's last operator was keyed by.
 */
export interface UpsertSink<T> extends Sink<Change<T>> {
  readonly upsertKey: KeySelector<Change<T>>;
}

export interface SinkContext extends RuntimeContext {
  /** Hands rows to `collect()` of whoever runs the job; returns a promise when the other side has to catch up. */
  collect(rows: readonly unknown[]): void | Promise<void>;
  /** Where text for people goes: the standard output or error of whoever runs the job, on a cluster the job's log. */
  standardStream(name: "stdout" | "stderr"): TextOutput;
  /** Ends the subtask with this error: for what a writer does while none of its methods runs. */
  fail(error: unknown): void;
  /** Tells of a step of the writer's own protocol: where tests kill the process. */
  reached(step: string): void;
  /**
   * Asks for a checkpoint soon, before the interval is over: for a writer whose first output somebody waits for. A request
   * that comes while one is under way is for the next one. Nothing happens in a job without checkpoints.
   */
  wantCheckpoint(): void;
  /**
   * Whose output it is: the same for all that go on from each other's checkpoints, attempts as well as later jobs, and
   * nobody else's. Undefined in a job without checkpoints.
   */
  readonly lineage: string | undefined;
  /** What the writer keeps over a restart. */
  readonly operatorState: OperatorState;
  /** What the job goes on from; undefined at its first start. */
  readonly restored: RestoredSink | undefined;
}

export interface RestoredSink {
  /** The complete checkpoint from which the job goes on. */
  readonly checkpoint: number;
  /**
   * All that this sink's writers had prepared and may not have committed. `commit` is called for each of them, by one of
   * the new writers, after `open`; whatever else earlier attempts have written and not committed is void.
   */
  readonly parts: readonly PreparedPart[];
  /** What the checkpoint retains of a part, as `SinkWriter.retained` gave it; can be read again and again. */
  retained?(name: string): AsyncIterable<Uint8Array>;
}

export interface PreparedPart {
  readonly checkpoint: number;
  /** What `prepare` returned. */
  readonly prepared: unknown;
  /** By what name the checkpoint keeps what `retained` gave of it; absent: nothing. */
  readonly retained?: string;
}

/** What checkpoints keep of a prepared part beside what `prepare` returned. */
export interface RetainedPart {
  readonly name: string;
  readonly pieces: AsyncIterable<Uint8Array>;
}

export interface TextOutput {
  readonly terminal: boolean;
  /** Returns a promise when the other side has to catch up. */
  write(text: string): void | Promise<void>;
  /** Resolves when all that was written has left this thread, which may end then. Absent: it leaves at once. */
  handedOn?(): Promise<void>;
}

export interface SinkWriter<T> {
  open?(): void | Promise<void>;
  /** Takes one record. Returns a promise when it has to wait: no further record comes until it settles. */
  write(value: T, timestamp: number): void | Promise<void>;
  /**
   * Makes everything written so far visible outside: at the end, when the input pauses, and about every
   * SINK_FLUSH_AFTER_MS (`limits.ts`) while it does not.
   */
  flush?(): void | Promise<void>;
  /**
   * Ends what was written so far: makes it durable, but not visible. What it returns, as plain data, is all that `commit`
   * needs, in this process or another one; undefined when nothing was written. In a job without checkpoints it is called
   * once at the end, with checkpoint 0.
   */
  prepare?(checkpoint: number): unknown;
  /**
   * What checkpoints have to keep of a prepared part so that it can be made visible even if it is gone outside by then: its
   * output, piece by piece. It is read while a checkpoint is written, a few pieces at a time, and once more by each checkpoint
   * before the part is committed. Undefined or absent: what `prepare` returned is enough.
   */
  retained?(prepared: unknown): AsyncIterable<Uint8Array> | undefined;
  /**
   * Makes visible what was prepared: it will never be asked for again. Called in the order of checkpoints, and perhaps
   * once more after a restart for what was committed already, which must then do nothing.
   * @param retained after a restart what the checkpoint keeps of it
   */
  commit?(checkpoint: number, prepared: unknown, retained?: AsyncIterable<Uint8Array>): void | Promise<void>;
  close?(): void | Promise<void>;
}

/** What `collectTo` prepares: how many rows a subtask has handed over in an attempt. */
export interface CollectedMark {
  readonly kind: "millrace.collected";
  readonly subtask: number;
  readonly attempt: number;
  readonly rows: number;
}

/** The mark, if that is what a sink has prepared. */
export function collectedMark(prepared: unknown): CollectedMark | undefined {
  const mark = prepared as Partial<CollectedMark> | null | undefined; // every field is looked at before it is used
  return mark?.kind === "millrace.collected" ? (mark as CollectedMark) : undefined;
}
