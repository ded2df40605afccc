/** `millrace explain`: how a job would run, without running it. */

import { explain } from "../graph/explain.ts";
import { type Plan, planJob } from "../graph/plan.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import type { JobOptions } from "./job-options.ts";
import { jsonLine } from "./json-line.ts";
import { loadJob } from "./load-job.ts";
import { parseParams } from "./param-values.ts";

/** @throws what is wrong with the program, its parameters or options. */
export async function explainCommand(path: string, options: JobOptions): Promise<ExitCode> {
  const job = await loadJob(path);
  const plan = planJob(job, { params: parseParams(job, options.param), parallelism: options.parallelism });
  process.stdout.write(options.json ? jsonLine(planData(plan)) : `${explain(plan).trimEnd()}\n`);
  return exitCodes.done;
}

/** The plan without its functions: the logical, the chained and the parallel graph. */
function planData({ params, graph, graphHash, jobGraph, executionGraph }: Plan): unknown {
  const operators = graph.nodes.map(({ id, spec, inputs, parallelism, reads }) => ({
    operator: id,
    kind: spec.kind,
    ...(parallelism === undefined ? {} : { parallelism }),
    ...(reads === undefined ? {} : { reads }),
    inputs: inputs.map(({ from, side, partitioning }) => ({ from, side, partitioning: partitioning.kind })),
  }));
  return { job: graph.jobName, params, graphHash, operators, jobGraph, executionGraph };
}
