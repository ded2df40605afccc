/**
 * What passes between the coordinator, a planner's process and the thread in it, once each way. Plain data, by structured
 * clone: a plan may hold infinities.
 */

import type { PlannedJob, PlanRequest } from "../planned-job.ts";
import type { ErrorReport } from "../protocol.ts";

export interface ToPlanner {
  readonly request: PlanRequest;
  /** What the JavaScript heap of the program may take. */
  readonly heapMb: number;
}

export type FromPlanner =
  | { readonly kind: "planned"; readonly job: PlannedJob }
  | { readonly kind: "refused"; readonly error: ErrorReport };
