/**
 * The environment variables that processes with user code get: what Node and the system need to work as they do for the
 * coordinator, and no secret that the coordinator was started with.
 */

const allowed = /^(PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|TEMP|TMP|NODE_COMPILE_CACHE|NODE_EXTRA_CA_CERTS|SYSTEMROOT)$/i;

export function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => allowed.test(name)));
}
