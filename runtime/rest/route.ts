/** One route as data: what may come, what is answered, and who answers. Fastify, OpenAPI and the tests all read it. */

import { MillraceError } from "../../core/errors.ts";
import type { Schema } from "./schema.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Route {
  readonly method: Method;
  /** Below `/v1`, with `:name` for parameters. */
  readonly path: string;
  readonly summary: string;
  /** Whether it is answered without the token. */
  readonly open?: boolean;
  readonly params?: Schema;
  readonly query?: Schema;
  readonly body?: Schema;
  /** The body is a bundle's source text, not JSON. */
  readonly takesCode?: boolean;
  /** Status → schema of the body; "text" for plain text. Errors are the same everywhere. */
  readonly answers: Readonly<Record<number, Schema | "text">>;
  /** The request has been checked against the schemas above. */
  readonly answer: (call: Call) => Answer | Promise<Answer>;
}

export interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

export interface Answer {
  /** Default: 200. */
  readonly status?: number;
  readonly body: unknown;
  /** Where what was made can be found, below `/v1`. */
  readonly location?: string;
}

/** @throws JOB_UNKNOWN when there is no such job. */
export function knownJob<View>(view: View | undefined, jid: string): View {
  if (view !== undefined) return view;
  throw new MillraceError("JOB_UNKNOWN", `there is no job ${jid}; GET /v1/jobs lists them`);
}

/** @throws NOT_FOUND when there is no such thing; `list` is where they are listed. */
export function known<View>(view: View | undefined, what: string, list: string): View {
  if (view !== undefined) return view;
  throw new MillraceError("NOT_FOUND", `there is no ${what}; GET /v1${list} lists them`);
}
