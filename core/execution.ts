/** How a job is executed: as a stream that goes on, or in stages, each of which has all of its input before it begins. */

import { MillraceError } from "./errors.ts";

/**
 * "streaming": all operators at the same time; results as they come. "batch": for sources that end; stage by stage, with the
 * records of each key together, and only the final results. "auto": batch where the program and its options allow it,
 * that sorts no keys which it aggregates at less cost in memory.
 */
export type ExecutionMode = "streaming" | "batch" | "auto";

const modes: readonly ExecutionMode[] = ["streaming", "batch", "auto"];

/** @throws BAD_OPTION, beginning with `what`. */
export function checkExecution(mode: ExecutionMode, what: string): ExecutionMode {
  if (modes.includes(mode)) return mode;
  throw new MillraceError("BAD_OPTION", `${what} must be "streaming", "batch" or "auto", got ${JSON.stringify(mode)}`);
}
