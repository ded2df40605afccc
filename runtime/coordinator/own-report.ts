/** What the coordinator itself finds wrong, as data: its own stack says nothing to anybody. */

import { type ErrorCode, MillraceError } from "../../core/errors.ts";
import { toErrorReport } from "../error-report.ts";
import type { ErrorReport } from "../protocol.ts";

export function ownReport(code: ErrorCode, message: string): ErrorReport {
  return { ...toErrorReport(new MillraceError(code, message)), stack: undefined };
}
