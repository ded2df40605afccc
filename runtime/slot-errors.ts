/** The errors of slots that ended without their subtasks: told by whoever owns their threads. */

import { MillraceError } from "../core/errors.ts";
import type { SlotDeployment } from "./protocol.ts";

type Place = Pick<SlotDeployment, "jobName" | "slot">;

/** The thread is gone. */
export function slotLost({ jobName, slot }: Place, cause: unknown): MillraceError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new MillraceError(
    "SLOT_LOST",
    `the thread of slot ${slot + 1} of job "${jobName}" ended unexpectedly: ${reason}; look for a function that calls process.exit, for an error that is thrown in a callback or a promise that nobody awaits, or give the slots more memory`,
    { cause },
  );
}

/** The thread was ended, as it had taken no turn for so long. */
export function slotStuck({ jobName, slot }: Place, timeoutMs: number, at: string): MillraceError {
  return new MillraceError(
    "SLOT_STUCK",
    `slot ${slot + 1} of job "${jobName}" did not come back from ${at} within ${timeoutMs} ms, and its thread was ended; look for an endless loop or a call that blocks, divide long work into smaller steps, or give the job a longer watchdog`,
  );
}
