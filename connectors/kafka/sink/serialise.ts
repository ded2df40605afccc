/** From a value to what is written of it. */

import { jsonText } from "../../json-text.ts";
import type { Field } from "../codec/record-batch-builder.ts";

/**
 * The record's value: a text goes as UTF-8, null is a tombstone, which deletes its key in a compacted topic. Undefined leaves
 * the record out, which is counted.
 */
export type Serialise<T> = (value: T) => Field | undefined;

/** The value in JSON, as `toJsonl` writes it: Dates as ISO 8601 strings, bigints as strings of digits. */
export function asJson<T>(): Serialise<T> {
  return jsonText;
}
