/** Errors as data: how a failure crosses threads and comes out as the same named error. */

import { MillraceError } from "../core/errors.ts";
import type { ErrorReport } from "./protocol.ts";

const causeDepthMax = 8;

export function toErrorReport(error: unknown, depth = 0): ErrorReport {
  if (!(error instanceof Error)) {
    return {
      code: undefined,
      name: "Error",
      message: String(error),
      stack: undefined,
      operator: undefined,
      origin: undefined,
      cause: undefined,
    };
  }
  const known = error instanceof MillraceError ? error : undefined;
  return {
    code: known?.code,
    name: error.name,
    message: error.message,
    stack: error.stack,
    operator: known?.operator,
    origin: known?.origin,
    cause: error.cause === undefined || depth >= causeDepthMax ? undefined : toErrorReport(error.cause, depth + 1),
  };
}

export function fromErrorReport(report: ErrorReport): Error {
  const cause = report.cause === undefined ? undefined : fromErrorReport(report.cause);
  const error =
    report.code === undefined
      ? Object.assign(new Error(report.message, { cause }), { name: report.name })
      : new MillraceError(report.code, report.message, {
          ...(report.operator === undefined ? {} : { operator: report.operator }),
          ...(report.origin === undefined ? {} : { origin: report.origin }),
          cause,
        });
  if (report.stack !== undefined) error.stack = report.stack;
  return error;
}
