/**
 * Errors over HTTP: a status, and a body that becomes the same named error on the other side. As in Apache Flink's
 * REST interface the texts stand in `errors`. Stacks stay where they are.
 */

import { type ErrorCode, errorCodes, MillraceError } from "../../core/errors.ts";

export interface ErrorBody {
  /** What went wrong, then what led to it. */
  readonly errors: readonly string[];
  readonly code: ErrorCode;
  readonly domain: string;
  /** Whether the same request may succeed later. */
  readonly retry: string;
  readonly operator?: string;
}

const statuses: Partial<Record<ErrorCode, number>> = {
  FORBIDDEN: 403,
  INTERNAL: 500,
  JOB_ENDED: 409,
  JOB_UNKNOWN: 404,
  NOT_FOUND: 404,
  NOT_READY: 503,
  UNAUTHORIZED: 401,
};

const causesMax = 8;

/** The status of an error: what its author can mend is a 4xx, what may pass by itself a 503. */
export function statusOf({ code, domain, retry }: MillraceError): number {
  return statuses[code] ?? (domain === "user" || retry === "never" ? 400 : 503);
}

export function errorBody(error: MillraceError): ErrorBody {
  return {
    errors: messagesOf(error),
    code: error.code,
    domain: error.domain,
    retry: error.retry,
    ...(error.operator === undefined ? {} : { operator: error.operator }),
  };
}

function messagesOf(error: MillraceError): string[] {
  const messages = [error.message];
  for (let cause = error.cause; cause !== undefined && messages.length <= causesMax; ) {
    messages.push(cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return messages;
}

/** The error that a body carries; undefined when it is none of ours. */
export function errorOfBody(body: unknown): MillraceError | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const { errors, code, operator } = body as Partial<Record<keyof ErrorBody, unknown>>;
  if (!Array.isArray(errors) || typeof code !== "string" || !Object.hasOwn(errorCodes, code)) return undefined;
  const [message = "", ...causes] = errors.map(String);
  return new MillraceError(code as ErrorCode, message, {
    ...(typeof operator === "string" ? { operator } : {}),
    ...(causes.length > 0 ? { cause: chained(causes) } : {}),
  });
}

function chained(messages: readonly string[]): Error | undefined {
  return messages.reduceRight<Error | undefined>((cause, message) => new Error(message, { cause }), undefined);
}
