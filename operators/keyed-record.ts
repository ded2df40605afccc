/** What operators on keyed records have in common: finding the key, and calling the user's functions in their name. */

import { MillraceError } from "../core/errors.ts";
import type { Key, KeySelector } from "../core/key.ts";
import type { OperatorContext } from "../core/operator.ts";
import { isEventTime, NO_TIMESTAMP } from "../core/time.ts";

/** Makes the record's key the current one. @throws what the key function throws, or BAD_KEY, with the record. */
export function selectKey(key: KeySelector, context: OperatorContext, value: unknown, timestamp: number): Key {
  try {
    const selected = key.select(value);
    context.state.setCurrentKey(selected, timestamp);
    return selected;
  } catch (error) {
    throw context.failure(error, value);
  }
}

/** @throws WRONG_SHAPE when the record has no event time, which `what` needs. */
export function requireTime(context: OperatorContext, value: unknown, timestamp: number, what: string): void {
  if (isEventTime(timestamp)) return;
  const { operator } = context;
  const came = timestamp === NO_TIMESTAMP ? "a record without event time" : `a record with the event time ${timestamp}`;
  const message = `"${operator}" got ${came}, but ${what} goes by event time; call withTimestamps on the stream before keyBy`;
  throw context.failure(new MillraceError("WRONG_SHAPE", message, { operator }), value);
}
