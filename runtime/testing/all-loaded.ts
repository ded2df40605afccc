/**
 * Has everything loaded before a test begins that slots load when they need it, but for batches: none waits for a file in the
 * midst of its schedule.
 */

import { loadAllOperators } from "../../operators/create-operator.ts";
import { loadRestore } from "../task/load-restore.ts";

await loadAllOperators();
await loadRestore();
