/**
 * What a planner's process and the thread in it answer to a `PlanRequest`, once. Plain data, by structured clone: a plan
 * may hold infinities.
 */

import type { PlannedJob } from "../planned-job.ts";
import type { ErrorReport } from "../protocol.ts";

export type FromPlanner =
  | { readonly kind: "planned"; readonly job: PlannedJob }
  | { readonly kind: "refused"; readonly error: ErrorReport };
