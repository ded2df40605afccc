/** `millrace explain`: how the job of a file would run, without running it, or how one on a cluster runs. */

import { statSync } from "node:fs";
import { explain } from "../graph/explain.ts";
import { type Plan, planJob } from "../graph/plan.ts";
import type { ConnectionOptions } from "./connection.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import type { JobOptions } from "./job-options.ts";
import { jsonLine } from "./json-line.ts";
import { loadJob } from "./load-job.ts";
import { parseParams } from "./param-values.ts";

/**
 * A file is planned here; anything else that does not look like one is a job of the cluster.
 * @throws what is wrong with the program, its parameters or options, or JOB_UNKNOWN.
 */
export async function explainCommand(path: string, options: JobOptions & ConnectionOptions): Promise<ExitCode> {
  return isPath(path) ? await explainFile(path, options) : await explainRunning(path, options);
}

function isPath(text: string): boolean {
  return /[\\/]|\.[cm]?[jt]sx?$/.test(text) || statSync(text, { throwIfNoEntry: false })?.isFile() === true;
}

async function explainRunning(text: string, options: JobOptions & ConnectionOptions): Promise<ExitCode> {
  const { withClient } = await import("./connection.ts");
  const { findJob } = await import("./find-job.ts");
  await withClient(options, async (client) => {
    const { jid } = await findJob(client, text);
    const written = options.json ? jsonLine(await client.plan(jid)) : `${(await client.explain(jid)).trimEnd()}\n`;
    process.stdout.write(written);
  });
  return exitCodes.done;
}

async function explainFile(path: string, options: JobOptions): Promise<ExitCode> {
  const job = await loadJob(path);
  const plan = planJob(job, {
    params: parseParams(job, options.param),
    parallelism: options.parallelism,
    execution: options.execution,
    workingDirectory: process.cwd(),
  });
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
    inputs: inputs.map(({ from, side, partitioning, port, reads }) => ({
      ...{ from, side, partitioning: partitioning.kind },
      ...(port === undefined ? {} : { input: port }),
      ...(reads === undefined ? {} : { reads }),
    })),
  }));
  return { job: graph.jobName, params, graphHash, operators, jobGraph, executionGraph };
}
