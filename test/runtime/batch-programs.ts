/** What tests of batches make their jobs of, and how they run them. */

import {
  type DataStream,
  defineJob,
  type Environment,
  type ExecutionMode,
  fromArray,
  type JobOptions,
  type Params,
  pattern,
} from "../../index.ts";
import { runInThread } from "../../runtime/testing/index.ts";

export interface Reading {
  readonly key: string | number;
  readonly value: number;
  readonly time: number;
}

let jobs = 0;

export function jobOf(build: (env: Environment) => void, options: JobOptions<Params> = {}) {
  return defineJob(import.meta, `batch ${jobs++}`, build, options);
}

export function timed(env: Environment, readings: readonly Reading[], name = "readings"): DataStream<Reading> {
  return env.from(fromArray(readings), { name }).withTimestamps(({ time }) => time, { outOfOrderness: "1h" });
}

/** As one subtask has read them, so that records of a key keep their order. */
export function inOrder(env: Environment, readings: readonly Reading[]): DataStream<Reading> {
  return env
    .from(fromArray(readings), { parallelism: 1 })
    .withTimestamps(({ time }) => time, { outOfOrderness: "1h", parallelism: 1 });
}

/** What a sink gets, in no order. */
export async function rows(
  build: (env: Environment) => void,
  execution: ExecutionMode,
  parallelism: number,
  options?: JobOptions<Params>,
): Promise<string[]> {
  const handle = await runInThread(jobOf(build, options), { execution, parallelism });
  await handle.result;
  return handle
    .collect("out")
    .map((row) => JSON.stringify(row))
    .sort();
}

/** Of two steps, with another between them or not. */
export const rising = pattern<Reading>("rising")
  .begin("low")
  .where(({ value }) => value < 5)
  .followedBy("high")
  .where(({ value }, taken) => value > (taken.of("low")[0]?.value ?? 0))
  .within("20ms");
