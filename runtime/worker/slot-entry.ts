/**
 * The entry of a slot's thread, as small as can be: it turns on the compile cache before anything large is loaded, which
 * takes a third off the time until a job runs.
 *
 * A thread that is started ahead does not wait for its task before it loads what that will need: what all bundled programs
 * do, or the job's own module.
 */

import { enableCompileCache } from "node:module";
import { workerData } from "node:worker_threads";
import { resolveOwnImports } from "../own-imports.ts";
import type { LoadsAhead, ThreadData } from "./slot-pool.ts";
import type { SlotTask } from "./slot-task.ts";

enableCompileCache();
resolveOwnImports();
const { loadsAhead } = workerData as ThreadData;
// What cannot be loaded says so to the task.
if (loadsAhead !== undefined) loadAhead(loadsAhead).catch(() => {});

export default async function enterSlot(task: SlotTask): Promise<void> {
  const { default: runSlotTask } = await import("./slot-task.ts");
  await runSlotTask(task);
}

async function loadAhead(what: LoadsAhead): Promise<void> {
  await import("./slot-task.ts");
  if (what !== "for-bundles") {
    await import(what.module);
    return;
  }
  const { loadMillrace } = await import("./slot-bundle.ts");
  await loadMillrace();
}
