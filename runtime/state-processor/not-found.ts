import { MillraceError } from "../../core/errors.ts";

/** What is asked of a savepoint is not in it. */
export function notFound(fault: string, known: readonly string[]): MillraceError {
  return new MillraceError("NOT_FOUND", `in the savepoint ${fault}; it has: ${known.join(", ") || "none"}`);
}
