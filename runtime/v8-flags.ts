/**
 * How V8 runs what runs slots:
 *
 * - It allocates no records in the old generation. Records wait in channels for a moment, long enough that V8 takes their
 *   allocation sites for long-lived ones, and then a record costs several times as much to make and to collect.
 * - A slot collects its young records alone. Helping threads are for a heap that has the processor's cores to itself; with a
 *   slot a core they wait for each other, and little survives that could be divided (`docs/benchmarks.md`).
 *
 * Flags are the whole process's, and V8 refuses code that was compiled and kept under others. So they are set before the
 * compile cache is turned on, and before threads are started: when the first thread set them, the others compiled the
 * whole engine anew.
 */

import { setFlagsFromString } from "node:v8";

export function setSlotFlags(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
  setFlagsFromString("--no-parallel-scavenge");
}
