/**
 * Where this process keeps what Node has compiled, for the processes and threads that it starts.
 *
 * They turn the cache on themselves, but too late for the file that they begin with: Node would load its TypeScript
 * compiler for that one file, 50 ms a thread. What stands in their environment counts from the start.
 */

import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";

/** For their environment. Empty where nothing is kept. */
export function compileCacheEnvironment(): Readonly<Record<string, string>> {
  // Node keeps a folder for each of its versions in it.
  const folder = getCompileCacheDir();
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) };
}
