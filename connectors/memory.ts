/** Streams that begin and end in memory: for tests, examples and small answers. */

import { type Change, isUpsert } from "../core/changelog.ts";
import { encodeKey, type Key } from "../core/key.ts";
import type { Gate, Push } from "../core/operator.ts";
import type { CollectedMark, Sink, SinkContext, SinkWriter, UpsertSink } from "../core/sink.ts";
import type { ReadStep, Source, SourceReader } from "../core/source.ts";
import { NO_TIMESTAMP } from "../core/time.ts";
import { type IndexRange, rangesInOrder } from "./splits.ts";

export interface FromArrayOptions {
  /** Names the operator. Default "array". */
  readonly name?: string;
}

/** What a record that is in memory is taken for, where a batch asks for the size of its input. */
const RECORD_BYTES_ABOUT = 100;

/** Splits per subtask: some subtasks may be faster than others. */
const SPLITS_PER_SUBTASK = 4;

/**
 * A stream of the values, without timestamps. A split is a range of them, four a subtask; they keep their order within
 * a split, and altogether when the source's parallelism is 1. The job's module must make the same values wherever it is
 * loaded: every subtask has them all and reads its ranges.
 */
export function fromArray<T>(values: readonly T[], options: FromArrayOptions = {}): Source<T, IndexRange> {
  const copy = Object.freeze([...values]);
  return Object.freeze<Source<T, IndexRange>>({
    name: options.name ?? "array",
    bounded: true,
    sizeBytes: () => copy.length * RECORD_BYTES_ABOUT,
    enumerate({ parallelism, restored }) {
      const size = Math.max(1, Math.ceil(copy.length / (parallelism * SPLITS_PER_SUBTASK)));
      return rangesInOrder(copy.length, size, restored);
    },
    reader: () => new ArrayReader(copy),
  });
}

class ArrayReader<T> implements SourceReader<T, IndexRange> {
  readonly #values: readonly T[];
  #next = 0;
  #end = 0;

  constructor(values: readonly T[]) {
    this.#values = values;
  }

  begin(split: IndexRange, position?: unknown): void {
    this.#next = (position as number | undefined) ?? split.start;
    this.#end = split.end;
  }

  read(push: Push<T>, max: number, gate: Gate): ReadStep {
    const end = Math.min(this.#end, this.#next + max);
    // The index is within the array, whose element may be undefined.
    for (; this.#next < end && !gate.blocked; this.#next++) push(this.#values[this.#next] as T, NO_TIMESTAMP);
    return this.#next === this.#end ? "end" : "more";
  }

  position(): number {
    return this.#next;
  }
}

/** Rows that are handed over at a time: few messages to the main thread, and rows that still come early. */
const COLLECT_ROWS = 1024;

/**
 * Gathers the rows for the program that runs the job: `handle.collect(name)` gives them as an array. Rows of one subtask
 * keep their order. Meant for tests and small answers: all rows are held in memory at once.
 */
export function collectTo<T = unknown>(name: string): Sink<T> {
  return Object.freeze<Sink<T>>({ name, writer: (context) => new CollectWriter<T>(context) });
}

export interface CollectTableOptions<T> {
  /** Which row it is. */
  readonly key: (row: T) => Key;
}

/**
 * Gathers a changelog for the program that runs the job, which makes the table of it: `materialise(handle.collect(name), key)`.
 * All changes of a key come by one subtask, in order, and of those between two hand-overs only the last one: the row as
 * it is, or its deletion. Meant for tests and small tables: what was handed over is held in memory.
 */
export function collectTable<T>(name: string, { key }: CollectTableOptions<T>): UpsertSink<T> {
  const select = ({ value }: Change<T>): Key => key(value);
  const upsertKey = Object.freeze({ select, fields: undefined });
  const writer = (context: SinkContext): SinkWriter<Change<T>> => new TableCollector<T>(context, select);
  return Object.freeze<UpsertSink<T>>({ name, upsertKey, writer });
}

/** Rows that a restart takes back need no second phase: what is prepared says which these are. */
class CollectWriter<T> implements SinkWriter<T> {
  readonly #context: SinkContext;
  #rows: T[] = [];
  #handedOver = 0;

  constructor(context: SinkContext) {
    this.#context = context;
  }

  write(value: T): void | Promise<void> {
    if (this.#rows.push(value) >= COLLECT_ROWS) return this.flush();
  }

  flush(): void | Promise<void> {
    if (this.#rows.length === 0) return;
    const rows = this.#rows;
    this.#rows = [];
    this.#handedOver += rows.length;
    return this.#context.collect(rows);
  }

  async prepare(): Promise<CollectedMark> {
    await this.flush();
    const { subtask, attempt } = this.#context;
    return { kind: "millrace.collected", subtask, attempt, rows: this.#handedOver };
  }

  commit(): void {}
}

/** Holds the last change of each key until rows are handed over. */
class TableCollector<T> implements SinkWriter<Change<T>> {
  readonly #rows: CollectWriter<Change<T>>;
  readonly #operator: string;
  readonly #keyOf: (change: Change<T>) => Key;
  readonly #latest = new Map<string, Change<T>>();

  constructor(context: SinkContext, keyOf: (change: Change<T>) => Key) {
    this.#rows = new CollectWriter(context);
    this.#operator = context.operator;
    this.#keyOf = keyOf;
  }

  write(change: Change<T>): void | Promise<void> {
    if (!isUpsert(change)) return;
    this.#latest.set(encodeKey(this.#keyOf(change), this.#operator), change);
    if (this.#latest.size >= COLLECT_ROWS) return this.flush();
  }

  async flush(): Promise<void> {
    const changes = [...this.#latest.values()];
    this.#latest.clear();
    for (const change of changes) await this.#rows.write(change);
    await this.#rows.flush();
  }

  async prepare(): Promise<CollectedMark> {
    await this.flush();
    return await this.#rows.prepare();
  }

  commit(): void {}
}
