/**
 * A job's parameters as they are shown. Those whose names say that they hold a secret are hidden: they belong into the
 * environment or a file, but who has put one here shall not have it shown to all who may look at the job.
 */

import type { JobConfigView } from "../rest/views.ts";

type Params = JobConfigView["execution-config"]["user-config"];

const secretName = /passw(or)?d|passphrase|secret|token|credential|(api|private|access)[-_]?key/i;

/** Where it lies: the name of a variable or of a file. */
const placeName = /(env|file|path)$/i;

export function shownParams(params: Params): Params {
  const shown = Object.entries(params).map(([name, value]) => [name, isSecret(name, value) ? "******" : value]);
  return Object.fromEntries(shown);
}

function isSecret(name: string, value: Params[string]): boolean {
  return secretName.test(name) && !placeName.test(name) && typeof value === "string" && value !== "";
}
