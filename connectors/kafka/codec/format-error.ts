/** What is wrong with bytes that came from a broker. */

import { MillraceError } from "../../../core/errors.ts";

/** An error that says which part of a record batch or answer is damaged. */
export function damaged(what: string, cause?: unknown): MillraceError {
  const message = `A broker's answer is damaged or of a form that is not known: ${what}`;
  return new MillraceError("KAFKA_FORMAT", message, cause === undefined ? {} : { cause });
}

/** @throws MillraceError KAFKA_FORMAT unless the condition holds. */
export function demand(condition: boolean, what: string): asserts condition {
  if (!condition) throw damaged(what);
}
