/** Checks of options that several connectors have alike. */

import { MillraceError } from "../core/errors.ts";

/** @throws MillraceError BAD_OPTION unless it is a whole number from `least` to `most`. */
export function wholeNumber(value: number, least: number, what: string, most = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const bounds = value > most ? `from ${least} to ${most}` : `of at least ${least}`;
  throw new MillraceError("BAD_OPTION", `${what} must be a whole number ${bounds}, got ${value}`);
}
