/** The jobs that are disturbed, with what they give when nobody does. */

import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { bundleJob } from "../../runtime/bundle/bundle-job.ts";
import { millrace } from "../integration/cluster/process.ts";
import { outputOf } from "./output.ts";
import type { JobName } from "./plan.ts";
import type { RoundJob } from "./run-round.ts";

const log = resolve(import.meta.dirname, "../../examples/data/online-retail.parquet");

const paramsOf: Readonly<Record<JobName, Readonly<Record<string, string | number>>>> = {
  windows: {},
  joins: {},
  recommender: { input: log },
  kafka: {}, // its brokers and topics are of each round (`kafka-round.ts`)
};

/** @param folder for the output of its undisturbed run, by `millrace run`. */
export async function roundJob(name: JobName, folder: string): Promise<RoundJob> {
  const path = join(import.meta.dirname, "jobs", `${name}.ts`);
  const output = join(folder, `${name}-undisturbed`);
  const params = paramsOf[name];
  await mkdir(output, { recursive: true });
  const given = Object.entries({ ...params, output }).flatMap(([key, value]) => ["--param", `${key}=${value}`]);
  const ran = await millrace(["run", path, ...given], { cwd: folder });
  if (ran.code !== 0) throw new Error(`${name} did not run undisturbed: ${ran.stderr}`);
  return { bundle: await bundleJob(path), params, expected: await outputOf(output) };
}
