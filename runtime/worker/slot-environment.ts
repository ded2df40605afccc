/**
 * The environment variables that slots get on a cluster: what programs and the system need to work, what the worker was
 * told to hand on by name, and no secret that it was started with.
 */

const allowed =
  /^(PATH|HOME|USER|TZ|LANG|LC_\w+|NODE_ENV|NODE_COMPILE_CACHE|TMPDIR|TEMP|TMP|SYSTEMROOT|MILLRACE_\w+)$/i;
const secret = /TOKEN|SECRET|PASSWORD|CREDENTIAL|_KEY$/i;

/** `handedOn`: names that are given although they are not on the list. */
export function slotEnvironment(env: NodeJS.ProcessEnv, handedOn: readonly string[]): Record<string, string> {
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    const may = handedOn.includes(name) || (allowed.test(name) && !secret.test(name));
    if (may && value !== undefined) given[name] = value;
  }
  return given;
}
