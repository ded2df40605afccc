/**
 * How V8 runs what runs slots: it allocates no records in the old generation. Records wait in channels for a moment, long
 * enough that V8 takes their allocation sites for long-lived ones, and then a record costs several times as much to make
 * and to collect (`docs/benchmarks.md`).
 *
 * Flags are the whole process's, and V8 refuses code that was compiled and kept under others. So they are set before the
 * compile cache is turned on, and before threads are started: when the first thread set them, the others compiled the
 * whole engine anew.
 */

import { setFlagsFromString } from "node:v8";

export function setSlotFlags(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}
