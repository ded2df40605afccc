/** From a value to what is written of it. */

import type { Field } from "../codec/record-batch-builder.ts";

/**
 * The record's value: a text goes as UTF-8, null is a tombstone, which deletes its key in a compacted topic. Undefined leaves
 * the record out, which is counted.
 */
export type Serialise<T> = (value: T) => Field | undefined;

/** What makes values in one subtask; a format's encoder is one. */
export interface RecordEncoder<T> {
  /** Awaited before the first value. */
  open?(): Promise<void>;
  encode(value: T): Field | undefined;
}

/** A function, or what makes an encoder for each subtask, as formats do. */
export type EncodeOption<T> = Serialise<T> | { encoder(): RecordEncoder<T> };

/** What makes the encoder of a subtask. */
export function encoderOf<T>(option: EncodeOption<T>): () => RecordEncoder<T> {
  return typeof option === "function" ? () => ({ encode: option }) : () => option.encoder();
}
