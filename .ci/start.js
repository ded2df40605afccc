/**
 * For `node --import`, in front of a program of this checkout: turns Node's compile cache on before the program's own modules
 * are loaded (a program that turns it on itself, as `run` does, is too late for what it imports statically), and lets the
 * prepared engine run where there is one. Threads do the same, as they inherit it.
 *
 * JavaScript: the compile cache is not on yet, and an old Node has to read it too.
 */

import * as module from "node:module";
import { setFlagsFromString } from "node:v8";

// As `run` sets it (`runtime/v8-flags.ts`): what is compiled is kept for the flags that it was compiled with.
setFlagsFromString("--no-allocation-site-pretenuring");
module.enableCompileCache?.();
// An old Node says by itself what it cannot run.
if (Number.parseInt(process.versions.node, 10) >= 24) {
  const { usePreparedEngine } = await import("./prepared-engine.ts");
  usePreparedEngine();
}
