/**
 * Plans a bundled program: imports it, finds its job, and plans that twice. Runs in a thread of the planner's process,
 * and so does the program's top level.
 */

import { realpathSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { type CheckpointSettings, checkpointSettings } from "../../core/checkpoints.ts";
import { MillraceError } from "../../core/errors.ts";
import { definedJob, type Job, watchdogMs } from "../../core/job.ts";
import { stateSettings } from "../../core/state-options.ts";
import { checkBundle } from "../bundle/bundle-file.ts";
import { mapStacksOf } from "../bundle/mapped-stacks.ts";
import { resolveImportsOf } from "../bundle-resolution.ts";
import { exportedJob } from "../cli/load-job.ts";
import { parseParams } from "../cli/param-values.ts";
import { toErrorReport } from "../error-report.ts";
import { explain } from "../graph/explain.ts";
import { checkSinks } from "../graph/fitting-sinks.ts";
import { planJob } from "../graph/plan.ts";
import { slotLabels } from "../graph/regions.ts";
import type { PlannedJob, PlanRequest } from "../planned-job.ts";
import { ownVersion } from "../version.ts";
import type { FromPlanner } from "./planner-protocol.ts";

/** The plan, or what is wrong with the program. */
export async function answerTo(request: PlanRequest): Promise<FromPlanner> {
  try {
    return { kind: "planned", job: await planBundle(request) };
  } catch (error) {
    return { kind: "refused", error: toErrorReport(error) };
  }
}

export function neverSettles(): FromPlanner {
  const message = "the program waits at its top level for a promise that never settles, so its import never ends";
  return { kind: "refused", error: toErrorReport(new MillraceError("BAD_JOB_MODULE", message)) };
}

async function planBundle(request: PlanRequest): Promise<PlannedJob> {
  const job = await importedJob(request.bundle);
  const plan = planJob(job, {
    params: { ...parseParams(job, request.paramTexts ?? []), ...request.params },
    parallelism: request.parallelism,
    notInBatch: "a cluster, whose workers share no disk",
  });
  const { params, graph, graphHash, jobGraph, executionGraph } = plan;
  const checkpoints = settingsOf(job);
  return {
    name: job.name,
    params,
    parallelism: request.parallelism ?? job.options.parallelism ?? 1,
    graphHash,
    jobGraph,
    executionGraph,
    slotLabels: slotLabels(jobGraph, executionGraph),
    showRecordsInErrors: job.options.showRecordsInErrors ?? false,
    restart: job.options.restart,
    watchdogMs: watchdogMs(job.name, job.options),
    checkpoints,
    warnings: checkSinks(graph, checkpoints),
    state: job.options.state && stateSettings(job.options.state, `state of job "${job.name}"`),
    explained: `${explain(plan).trimEnd()}\n`,
  };
}

async function importedJob(bundle: string): Promise<Job> {
  const path = realpathSync(bundle);
  checkBundle(path, ownVersion());
  const { href } = pathToFileURL(path);
  resolveImportsOf(href);
  mapStacksOf(href);
  const job = exportedJob("the program", await importDefault(href));
  checkFound(job, href);
  return job;
}

async function importDefault(url: string): Promise<unknown> {
  try {
    const module: { readonly default?: unknown } = await import(url);
    return module.default;
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    const message = cause instanceof Error ? `${cause.name}: ${cause.message}${placeOf(cause)}` : String(cause);
    throw new MillraceError("BAD_JOB_MODULE", `the program could not be imported: ${message}`, { cause });
  }
}

/** In the message, as a stack does not leave the coordinator. */
function placeOf({ stack }: Error): string {
  const [, place] = /job:\/\/\/([^\s()]+:\d+:\d+)/.exec(stack ?? "") ?? [];
  return place === undefined ? "" : `, at ${place}`;
}

/** Slots look the job up by the bundle's URL and the job's name. */
function checkFound(job: Job, url: string): void {
  if (job.module !== url) {
    throw new MillraceError(
      "BAD_JOB_MODULE",
      `job "${job.name}" was defined with another URL than its bundle has, ${job.module}, so workers would not find it; give defineJob import.meta itself`,
    );
  }
  if (definedJob(url, job.name) === job) return;
  throw new MillraceError(
    "BAD_JOB_MODULE",
    `the program defines two jobs that are called "${job.name}", so workers would not know which one to run; give one of them another name`,
  );
}

function settingsOf({ name, options: { checkpoints } }: Job): CheckpointSettings | undefined {
  return checkpoints === undefined ? undefined : checkpointSettings(checkpoints, `checkpoints of job "${name}"`);
}
