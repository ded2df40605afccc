/** From the records of a batch to values, as the program says: by a format, or by a function of the whole record. */

import { type Decoder, type Format, isFormat } from "../../format/format.ts";
import type { RecordColumns } from "../codec/record-columns.ts";
import type { Deserialise, RecordView } from "./deserialise.ts";

/** What the program says of values. */
export type ValueOption<T> = Format<T> | RecordFormat<T> | Deserialise<T>;

/** Makes values of whole records, as `upserts` does. */
export interface RecordFormat<T> {
  reader(columns: RecordColumns): ValueReader<T>;
}

export interface ValueReader<T> {
  /** What has to be waited for before the record at this place can be read; undefined: nothing. */
  prepare?(row: number): Promise<void> | undefined;
  /** Undefined: it is left out. @throws what says why it cannot be read */
  read(row: number): T | undefined;
}

export function valueReader<T>(value: ValueOption<T>, columns: RecordColumns, view: RecordView): ValueReader<T> {
  if (typeof value === "function") return new FunctionReader(value, view);
  return isFormat(value) ? new FormatReader(value as Format<T>, columns) : (value as RecordFormat<T>).reader(columns);
}

/** By a format: records without a value are left out. */
class FormatReader<T> implements ValueReader<T> {
  readonly prepare?: (row: number) => Promise<void> | undefined;
  readonly #columns: RecordColumns;
  readonly #decoder: Decoder<T>;

  constructor(format: Format<T>, columns: RecordColumns) {
    this.#columns = columns;
    this.#decoder = format.decoder();
    if (this.#decoder.prepare !== undefined) this.prepare = (row) => this.#prepare(row);
  }

  #prepare(row: number): Promise<void> | undefined {
    const { valueLengths, valueStarts, bytes } = this.#columns;
    const length = valueLengths[row] as number; // the row is below the count
    const start = valueStarts[row] as number; // likewise
    return length < 0 ? undefined : this.#decoder.prepare?.(bytes, start, start + length);
  }

  read(row: number): T | undefined {
    const { valueLengths, valueStarts, bytes } = this.#columns;
    const length = valueLengths[row] as number; // the row is below the count
    const start = valueStarts[row] as number; // likewise
    return length < 0 ? undefined : this.#decoder.decode(bytes, start, start + length);
  }
}

class FunctionReader<T> implements ValueReader<T> {
  readonly #value: Deserialise<T>;
  readonly #view: RecordView;

  constructor(value: Deserialise<T>, view: RecordView) {
    this.#value = value;
    this.#view = view;
  }

  read(row: number): T | undefined {
    this.#view.index = row;
    return this.#value(this.#view);
  }
}
