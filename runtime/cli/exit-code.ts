/** How the command ends, as scripts see it. */

export const exitCodes = {
  /** The job finished, or the plan was printed. */
  done: 0,
  /** The job was started and failed. */
  failed: 1,
  /** Wrong usage, or a program that is not valid: nothing was started. */
  refused: 2,
  /** Cancelled by Ctrl-C, as shells count it: 128 and the signal's number. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
