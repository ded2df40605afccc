/** Runs a job at parallelism 1, 2 and 3, each in several orders of events: what a job means depends on neither. */

import { defineJob, type Environment } from "../../index.ts";
import { runInThread } from "../../runtime/testing/index.ts";

/** Collected rows, by the name of the sink. */
export interface Outcome {
  readonly parallelism: number;
  readonly seed: number;
  rows<T>(sink: string): readonly T[];
}

export const parallelisms = [1, 2, 3] as const;
const seeds = [1, 2, 3, 4] as const;

let jobs = 0;

/** REQUIRES: the builder is that of a job: it makes the same graph whenever it is called. */
export async function runEverywhere(
  build: (env: Environment) => void,
  check: (outcome: Outcome) => void,
): Promise<void> {
  const job = defineJob(import.meta, `job ${jobs++}`, build);
  for (const parallelism of parallelisms) {
    for (const seed of seeds) {
      const handle = await runInThread(job, { parallelism, seed });
      await handle.result;
      check({ parallelism, seed, rows: <T>(sink: string) => handle.collect<T>(sink) });
    }
  }
}
