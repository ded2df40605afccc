/** A record as functions of the program see it. */

import type { RecordColumns, RecordHeader } from "../codec/record-columns.ts";

/** One record as it lies in Kafka. Its parts are made when they are asked for; what is a Buffer is valid for good. */
export interface KafkaRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970, or -1. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** The value as UTF-8. */
  readonly text: string | null;
  readonly headers: readonly RecordHeader[];
}

/** Undefined leaves the record out, which is counted; what it throws makes it a bad record. */
export type Deserialise<T> = (record: KafkaRecord) => T | undefined;

/** The record at a place of the columns: one object that moves on, since most deserialisers take the value only. */
export class RecordView implements KafkaRecord {
  topic = "";
  partition = 0;
  index = 0;
  readonly #columns: RecordColumns;

  constructor(columns: RecordColumns) {
    this.#columns = columns;
  }

  get offset(): number {
    return this.#columns.offsets[this.index] as number; // the index is below the count
  }

  get timestamp(): number {
    return this.#columns.timestamps[this.index] as number; // likewise
  }

  get key(): Buffer | null {
    return this.#columns.key(this.index);
  }

  get value(): Buffer | null {
    return this.#columns.value(this.index);
  }

  get text(): string | null {
    const length = this.#columns.valueLengths[this.index] as number; // likewise
    if (length < 0) return null;
    const start = this.#columns.valueStarts[this.index] as number; // likewise
    return this.#columns.bytes.toString("utf8", start, start + length);
  }

  get headers(): RecordHeader[] {
    return this.#columns.headers(this.index);
  }
}
