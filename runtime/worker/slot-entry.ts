/**
 * The entry of a slot's thread, as small as can be: it turns on the compile cache before anything large is loaded, which
 * takes a third off the time until a job runs.
 *
 * It also keeps V8 from allocating records in the old generation. Records wait in channels for a moment, long enough
 * that V8 takes their allocation sites for long-lived ones, and then a record costs several times as much to make and to
 * collect (`docs/benchmarks.md`).
 *
 * A thread for bundled programs does not wait for its task before it loads what all of them need: it may have been started
 * ahead.
 */

import { enableCompileCache } from "node:module";
import { setFlagsFromString } from "node:v8";
import { workerData } from "node:worker_threads";
import { resolveOwnImports } from "../own-imports.ts";
import type { ThreadData } from "./slot-pool.ts";
import type { SlotTask } from "./slot-task.ts";

enableCompileCache();
setFlagsFromString("--no-allocation-site-pretenuring");
// What cannot be loaded says so to the task.
if ((workerData as ThreadData).loadsAhead) loadAhead().catch(() => {});

export default async function enterSlot(task: SlotTask): Promise<void> {
  const { default: runSlotTask } = await import("./slot-task.ts");
  await runSlotTask(task);
}

async function loadAhead(): Promise<void> {
  resolveOwnImports();
  await import("./slot-task.ts");
  const { loadMillrace } = await import("./slot-bundle.ts");
  await loadMillrace();
}
