/** `millrace run`: a job embedded in this process, with its progress on standard error. */

import type { Job } from "../../core/job.ts";
import type { StateOptions } from "../../core/state-options.ts";
import { toErrorReport } from "../error-report.ts";
import { type Plan, planJob } from "../graph/plan.ts";
import { type JobHandle, run } from "../run.ts";
import { countersText } from "./counters-text.ts";
import { errorText } from "./error-text.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import type { JobOptions } from "./job-options.ts";
import { jsonLine } from "./json-line.ts";
import { label } from "./label.ts";
import { loadJob } from "./load-job.ts";
import { parseParams } from "./param-values.ts";
import { type Progress, showProgress } from "./progress.ts";
import { type UpgradeArguments, upgradeOptions } from "./upgrade-options.ts";

export interface RunCommandOptions extends JobOptions, UpgradeArguments {
  /** The folder for checkpoints. */
  readonly checkpoints?: string;
  /** Instead of what the job says. */
  readonly state?: StateOptions;
  /** The folder of a savepoint. */
  readonly from?: string;
}

/** @throws what is wrong with the program, its parameters or options; a failure of the running job is printed instead. */
export async function runCommand(path: string, options: RunCommandOptions): Promise<ExitCode> {
  const job = await loadJob(path);
  const params = parseParams(job, options.param);
  const { parallelism, execution } = options;
  const settings = {
    params,
    ...(parallelism === undefined ? {} : { parallelism }),
    ...(execution === undefined ? {} : { execution }),
  };
  const plan = planJob(job, { ...settings, workingDirectory: process.cwd() });
  const progress = showProgress(sharesTerminal(plan) ? { rewrite: false } : {});
  using interruption = onInterrupt();
  const handle = await run(job, {
    ...settings,
    signal: interruption.signal,
    logLevel: options.verbose ? "info" : "warn",
    onProgress: progress.onProgress,
    ...(options.checkpoints === undefined ? {} : { checkpoints: { directory: options.checkpoints } }),
    ...(options.state === undefined ? {} : { state: options.state }),
    ...(options.from === undefined ? {} : { from: { directory: options.from, ...upgradeOptions(options) } }),
  });
  return await untilEnded(handle, { job, plan, progress, options, interruption });
}

interface Running {
  readonly job: Job;
  readonly plan: Plan;
  readonly progress: Progress;
  readonly options: JobOptions;
  readonly interruption: Interruption;
}

async function untilEnded(handle: JobHandle, running: Running): Promise<ExitCode> {
  const { job, plan, progress, options, interruption } = running;
  try {
    const metrics = await handle.result;
    progress.done();
    process.stderr.write(countersText(metrics));
    if (options.json)
      process.stdout.write(jsonLine({ ...metrics, collected: Object.fromEntries(collected(handle, plan)) }));
    else for (const [, rows] of collected(handle, plan)) for (const row of rows) process.stdout.write(jsonLine(row));
    return exitCodes.done;
  } catch (error) {
    progress.done();
    const { verbose, json } = options;
    process.stderr.write(`${errorText(error, { verbose, label })}\n`);
    if (json)
      process.stdout.write(jsonLine({ job: job.name, state: handle.metrics().state, error: toErrorReport(error) }));
    return interruption.signal.aborted ? exitCodes.interrupted : exitCodes.failed;
  }
}

/** The rows that `collectTo` sinks have gathered for whoever runs the job, by the sink's name. */
function collected(handle: JobHandle, plan: Plan): [name: string, rows: readonly unknown[]][] {
  const sinks = plan.graph.nodes.filter((node) => node.spec.kind === "sink");
  return sinks
    .map(({ id }): [string, readonly unknown[]] => [id, handle.collect(id)])
    .filter(([, rows]) => rows.length > 0);
}

/** Whether rows appear on the terminal of the progress: a line that is rewritten would be torn apart by them. */
function sharesTerminal({ graph }: Plan): boolean {
  const prints = graph.nodes.some(({ spec }) => spec.kind === "sink" && spec.sink.name === "print");
  return prints && process.stdout.isTTY === true;
}

interface Interruption extends Disposable {
  readonly signal: AbortSignal;
}

/** The first Ctrl-C cancels the job, which lets it close its files; a second one ends the process as ever. */
function onInterrupt(): Interruption {
  const abort = new AbortController();
  const interrupt = (): void => abort.abort();
  process.once("SIGINT", interrupt);
  return { signal: abort.signal, [Symbol.dispose]: () => void process.off("SIGINT", interrupt) };
}
