/**
 * Compacted topics: their records say what the value of a key is from now on, and a tombstone that there is none any more.
 *
 *   env.from(kafka({ …, value: upserts({ key: text(), value: json<Price>() }) }))
 *     .keyBy("key")
 *     .toChangelog("prices", { deleted: isTombstone })
 */

import type { Decoder, Format } from "../../format/format.ts";
import type { RecordColumns } from "../codec/record-columns.ts";
import type { RecordFormat, ValueReader } from "./values.ts";

export interface Upsert<K, V> {
  readonly key: K;
  /** Null: the key is deleted. */
  readonly value: V | null;
}

export interface UpsertFormats<K, V> {
  readonly key: Format<K>;
  readonly value: Format<V>;
}

/**
 * Records as key and value. A record without a key cannot be in a compacted topic and is a bad one. Records of a key are all
 * in one partition and keep their order; a tombstone that was compacted away was followed by nothing of its key, or by a
 * value, so a table that is built from the beginning lacks it rightly.
 */
export function upserts<K, V>(formats: UpsertFormats<K, V>): RecordFormat<Upsert<K, V>> {
  return Object.freeze<RecordFormat<Upsert<K, V>>>({ reader: (columns) => new UpsertReader(formats, columns) });
}

/** Whether the upsert deletes its key: `toChangelog("rows", { deleted: isTombstone })`. */
export function isTombstone({ value }: Upsert<unknown, unknown>): boolean {
  return value === null;
}

class UpsertReader<K, V> implements ValueReader<Upsert<K, V>> {
  readonly prepare?: (row: number) => Promise<void> | undefined;
  readonly #columns: RecordColumns;
  readonly #key: Decoder<K>;
  readonly #value: Decoder<V>;

  constructor({ key, value }: UpsertFormats<K, V>, columns: RecordColumns) {
    this.#columns = columns;
    this.#key = key.decoder();
    this.#value = value.decoder();
    if (this.#key.prepare === undefined && this.#value.prepare === undefined) return;
    this.prepare = (row) => this.#prepareKey(row) ?? this.#prepareValue(row);
  }

  #prepareKey(row: number): Promise<void> | undefined {
    const { keyStarts, keyLengths, bytes } = this.#columns;
    const start = keyStarts[row] as number; // the row is below the count
    const length = keyLengths[row] as number; // likewise
    return length < 0 ? undefined : this.#key.prepare?.(bytes, start, start + length);
  }

  #prepareValue(row: number): Promise<void> | undefined {
    const { valueStarts, valueLengths, bytes } = this.#columns;
    const start = valueStarts[row] as number; // the row is below the count
    const length = valueLengths[row] as number; // likewise
    return length < 0 ? undefined : this.#value.prepare?.(bytes, start, start + length);
  }

  read(row: number): Upsert<K, V> | undefined {
    const { bytes, keyStarts, keyLengths, valueStarts, valueLengths } = this.#columns;
    const keyStart = keyStarts[row] as number; // the row is below the count
    const keyLength = keyLengths[row] as number; // likewise
    if (keyLength < 0) throw new Error("it has no key, so that it says nothing of any row");
    const key = this.#key.decode(bytes, keyStart, keyStart + keyLength);
    const start = valueStarts[row] as number; // likewise
    const length = valueLengths[row] as number; // likewise
    const value = length < 0 ? null : this.#value.decode(bytes, start, start + length);
    return key === undefined || value === undefined ? undefined : { key, value };
  }
}
