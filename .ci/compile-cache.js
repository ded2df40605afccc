/**
 * For `node --import`: turns Node's compile cache on before a program's own modules are loaded. A program that turns it
 * on itself, as `run` does, is too late for what it imports statically, and strips and compiles that at every start.
 *
 * JavaScript, as stripping types would take longer than all else that it does.
 */

import * as module from "node:module";

module.enableCompileCache?.();
