/** Made-up records, as fast as they can be made or at a set rate. */

import { MillraceError } from "../core/errors.ts";
import type { Gate, Push } from "../core/operator.ts";
import type { ReadStep, Source, SourceContext, SourceReader } from "../core/source.ts";
import { NO_TIMESTAMP } from "../core/time.ts";
import { wholeNumber } from "./options.ts";
import { Pace } from "./pace.ts";
import { type IndexRange, rangesInOrder } from "./splits.ts";

export interface GenerateOptions<T> {
  /** How many records in all. Absent: the stream has no end. */
  readonly count?: number;
  /** How many records a second, over all subtasks together. Absent: as many as the job takes. */
  readonly perSecond?: number;
  /** Makes the record of an index, 0 … count-1. What it makes should follow from the index alone. */
  readonly record: (index: number, subtask: number) => T;
  /** The record's event time in epoch milliseconds. Absent: it has none. */
  readonly timestamp?: (record: T, index: number) => number;
  /** Into how many index ranges a counted stream is divided. */
  readonly splits?: number;
}

/** Records of a range when nothing else bounds it: milliseconds of work even for the simplest records, beside which asking for ranges is little. */
const RANGE_RECORDS_MAX = 1024 * 1024;

/** Ranges of a counted stream a subtask, as some subtasks may be faster than others. */
const RANGES_PER_SUBTASK = 4;

/** At a set rate, a range is what falls due in this time: short, so that all subtasks have something to do. */
const RANGE_SECONDS = 0.1;

/**
 * A stream of `record(0, …)`, `record(1, …)` and so on. A split is a range of indices; they are dealt out in order, so
 * each index is made once, whatever the parallelism, and rising within a range.
 *
 * With `perSecond`, index i is due i / perSecond seconds after the start, by the clock of the context; a subtask that is
 * behind catches up at full speed. Each subtask takes its own first record as the start, so the rate is off by a tenth
 * of a second's records at the very beginning.
 *
 * @throws MillraceError BAD_OPTION
 */
export function generate<T>(options: GenerateOptions<T>): Source<T, IndexRange> {
  const { count, perSecond, splits } = options;
  if (count !== undefined) wholeNumber(count, 0, "count of generate");
  if (splits !== undefined) wholeNumber(splits, 1, "splits of generate");
  if (splits !== undefined && count === undefined) {
    throw new MillraceError("BAD_OPTION", "generate divides a stream into splits only when it has a count");
  }
  if (perSecond !== undefined && !(perSecond > 0 && Number.isFinite(perSecond))) {
    throw new MillraceError("BAD_OPTION", `perSecond of generate must be a number above 0, got ${perSecond}`);
  }
  return Object.freeze<Source<T, IndexRange>>({
    name: "generate",
    bounded: count !== undefined,
    enumerate({ parallelism, restored }) {
      const size = rangeRecords(options as Amounts, parallelism);
      return rangesInOrder(count ?? Number.POSITIVE_INFINITY, size, restored);
    },
    reader: (context) => new GeneratingReader(options, context),
  });
}

type Amounts = Pick<GenerateOptions<unknown>, "count" | "perSecond" | "splits">;

function rangeRecords({ count, perSecond, splits }: Amounts, parallelism: number): number {
  if (count !== undefined && splits !== undefined) return Math.max(1, Math.ceil(count / splits));
  const even = count === undefined ? RANGE_RECORDS_MAX : Math.ceil(count / (parallelism * RANGES_PER_SUBTASK));
  const due = perSecond === undefined ? RANGE_RECORDS_MAX : Math.floor((perSecond * RANGE_SECONDS) / parallelism);
  return Math.max(1, Math.min(even, due, RANGE_RECORDS_MAX));
}

class GeneratingReader<T> implements SourceReader<T, IndexRange> {
  readonly #record: (index: number, subtask: number) => T;
  readonly #timestamp: ((record: T, index: number) => number) | undefined;
  readonly #subtask: number;
  readonly #pace: Pace | undefined;
  #next = 0;
  #end = 0;

  constructor({ record, timestamp, perSecond }: GenerateOptions<T>, { subtask, clock }: SourceContext) {
    this.#record = record;
    this.#timestamp = timestamp;
    this.#subtask = subtask;
    this.#pace = perSecond === undefined ? undefined : new Pace(perSecond, clock);
  }

  begin(split: IndexRange, position?: unknown): void {
    this.#next = (position as number | undefined) ?? split.start;
    this.#end = split.end;
    this.#pace?.startAt(this.#next);
  }

  read(push: Push<T>, max: number, gate: Gate): ReadStep {
    if (this.#next === this.#end) return "end";
    const due = this.#pace?.dueBefore() ?? this.#end;
    if (due <= this.#next) return this.#pace?.msUntil(this.#next) ?? "more";
    this.#next = this.#pushUntil(Math.min(this.#end, due, this.#next + max), push, gate);
    return this.#next === this.#end ? "end" : "more";
  }

  position(): number {
    return this.#next;
  }

  /** The hot loop: locals only, and one of two loops so that a stream without timestamps pays nothing for them. */
  #pushUntil(end: number, push: Push<T>, gate: Gate): number {
    const record = this.#record;
    const timestamp = this.#timestamp;
    const subtask = this.#subtask;
    let index = this.#next;
    if (timestamp === undefined) {
      for (; index < end && !gate.blocked; index++) push(record(index, subtask), NO_TIMESTAMP);
      return index;
    }
    for (; index < end && !gate.blocked; index++) {
      const value = record(index, subtask);
      push(value, timestamp(value, index));
    }
    return index;
  }
}
