/** `--param name=value` as values of the types that the job's defaults have. */

import { MillraceError } from "../../core/errors.ts";
import type { Job, Params, ParamValue } from "../../core/job.ts";

/**
 * Texts stay texts where the job's default is a text or null, and where the job has no such parameter: planning names
 * those that it has.
 * @throws MillraceError BAD_OPTION
 */
export function parseParams(job: Job, given: readonly string[]): Params {
  const defaults = job.options.params ?? {};
  return Object.fromEntries(
    given.map((text) => {
      const [name, value] = split(text);
      return [name, parsed(value, defaults[name], `parameter "${name}" of job "${job.name}"`)];
    }),
  );
}

function split(text: string): [name: string, value: string] {
  const equals = text.indexOf("=");
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  throw new MillraceError("BAD_OPTION", `--param expects name=value, for example --param size=20, got "${text}"`);
}

function parsed(text: string, like: ParamValue | undefined, what: string): ParamValue {
  if (typeof like === "number") {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (Number.isFinite(value)) return value;
    throw new MillraceError("BAD_OPTION", `${what} is a number, got "${text}"`);
  }
  if (typeof like === "boolean") {
    if (text === "true" || text === "false") return text === "true";
    throw new MillraceError("BAD_OPTION", `${what} is true or false, got "${text}"`);
  }
  return text;
}
