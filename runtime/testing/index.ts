/** "millrace/testing": tools to test jobs and operators with. */

export type { InThreadCheckpoints, InThreadCrash } from "./checkpointed-run.ts";
export { type InThreadOptions, runInThread } from "./in-thread.ts";
export { type JobHarness, type JobHarnessOptions, type JobSnapshot, openJob } from "./job-harness.ts";
export {
  type HarnessOptions,
  type HarnessSnapshot,
  type LogLine,
  type OperatorHarness,
  openHarness,
  openOperator,
  openTwoInputHarness,
} from "./operator-harness.ts";
export type { OutputElement } from "./recorded-output.ts";
export { SeededRandom } from "./seeded-random.ts";
export {
  type SeedResult,
  type SimulatedFaults,
  type SimulateOptions,
  simulate,
} from "./simulation/simulate.ts";
export { VirtualClock } from "./virtual-clock.ts";
