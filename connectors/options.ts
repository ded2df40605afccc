/** Checks of options that several connectors have alike. */

import { MillraceError } from "../core/errors.ts";

/** @throws MillraceError BAD_OPTION unless it is a whole number of at least `least`. */
export function wholeNumber(value: number, least: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new MillraceError("BAD_OPTION", `${what} must be a whole number of at least ${least}, got ${value}`);
  }
  return value;
}
