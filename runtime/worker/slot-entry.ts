/**
 * The entry of a slot's thread, as small as can be: it turns on the compile cache before anything large is loaded, which
 * takes a third off the time until a job runs.
 *
 * A thread for bundled programs does not wait for its task before it loads what all of them need: it may have been started
 * ahead.
 */

import { enableCompileCache } from "node:module";
import { workerData } from "node:worker_threads";
import { resolveOwnImports } from "../own-imports.ts";
import type { ThreadData } from "./slot-pool.ts";
import type { SlotTask } from "./slot-task.ts";

enableCompileCache();
resolveOwnImports();
// What cannot be loaded says so to the task.
if ((workerData as ThreadData).loadsAhead) loadAhead().catch(() => {});

export default async function enterSlot(task: SlotTask): Promise<void> {
  const { default: runSlotTask } = await import("./slot-task.ts");
  await runSlotTask(task);
}

async function loadAhead(): Promise<void> {
  await import("./slot-task.ts");
  const { loadMillrace } = await import("./slot-bundle.ts");
  await loadMillrace();
}
