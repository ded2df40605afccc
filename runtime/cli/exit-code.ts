/** How the command ends, as scripts see it. */

import { MillraceError } from "../../core/errors.ts";

export const exitCodes = {
  /** The job finished, the answer was printed, or the process was stopped as asked. */
  done: 0,
  /** The job was started and failed; `doctor` found what has to be mended, or `diff` what does not fit. */
  failed: 1,
  /** Wrong usage, a program that is not valid, or no such job: nothing was started. */
  refused: 2,
  /** No coordinator answers, or it has no room: later it may work. */
  unreachable: 3,
  /** The job that was followed was cancelled by someone else. */
  cancelled: 4,
  /** Cancelled by Ctrl-C, as shells count it: 128 and the signal's number. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** For what went wrong before anything had started. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof MillraceError)) return exitCodes.refused;
  switch (error.code) {
    case "COORDINATOR_UNREACHABLE":
    case "KAFKA_UNREACHABLE":
    case "NOT_A_COORDINATOR":
    case "NOT_READY":
      return exitCodes.unreachable;
    default:
      return exitCodes.refused;
  }
}
