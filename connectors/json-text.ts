/** Records as JSON text, one line each. */

import { MillraceError } from "../core/errors.ts";

/**
 * The record on one line. Dates are ISO 8601 strings; bigints are strings of digits, as a JSON number would be rounded
 * by most readers; NaN and infinities are null, as JSON has no such numbers; fields that are undefined are left out.
 * @throws MillraceError BAD_RECORD when the record is nothing that JSON has, such as undefined or a cycle.
 */
export function jsonText(value: unknown): string {
  try {
    // A replacer is called for every field, so it is for those records that need one.
    return text(value, undefined);
  } catch {
    return withBigints(value);
  }
}

function withBigints(value: unknown): string {
  try {
    return text(value, (_key, inner: unknown) => (typeof inner === "bigint" ? inner.toString() : inner));
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    throw new MillraceError("BAD_RECORD", `a record cannot be written as JSON: ${(cause as Error).message}`, { cause });
  }
}

function text(value: unknown, replacer: ((key: string, value: unknown) => unknown) | undefined): string {
  const json = JSON.stringify(value, replacer) as string | undefined;
  if (json !== undefined) return json;
  throw new MillraceError("BAD_RECORD", `a record cannot be written as JSON: it is ${typeof value}`);
}
