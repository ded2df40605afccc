/**
 * `millrace submit job.ts`: bundles the program, gives it to the coordinator unless it has it already, starts it, and
 * follows it to its end: rows and what `print` sinks write on standard output, progress and log on standard error.
 */

import { resolve } from "node:path";
import type { StateOptions } from "../../core/state-options.ts";
import type { JobBundle } from "../bundle/bundle-job.ts";
import type { RestClient } from "../rest/client.ts";
import type { BundleView, JobResultView, JobSummaryView, SubmitRequest } from "../rest/views.ts";
import { type ConnectionOptions, withClient } from "./connection.ts";
import { errorText } from "./error-text.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { followJob } from "./follow-job.ts";
import type { JobOptions } from "./job-options.ts";
import { failureOf, printResult, printRows } from "./job-result.ts";
import { label } from "./label.ts";
import { print, say } from "./output.ts";
import { exitOf } from "./result-command.ts";
import { onStopSignal } from "./stop-signal.ts";
import { printable } from "./table.ts";
import { type UpgradeArguments, upgradeOptions } from "./upgrade-options.ts";

export interface SubmitOptions extends JobOptions, ConnectionOptions, UpgradeArguments {
  readonly detach: boolean;
  readonly slotHeap?: number;
  readonly state?: StateOptions;
  /** The folder of a savepoint. */
  readonly from?: string;
}

/** @throws what is wrong with the program, its parameters or the connection; a failure of the job is printed instead. */
export async function submitCommand(path: string, options: SubmitOptions): Promise<ExitCode> {
  return await withClient(options, async (client) => {
    const job = await submitted(client, path, options);
    say(startedText(job, options));
    if (options.detach) {
      print(options, job, () => `${job.jid}\n`);
      return exitCodes.done;
    }
    return await followed(client, job, options);
  });
}

async function submitted(client: RestClient, path: string, options: SubmitOptions): Promise<JobSummaryView> {
  // Announced before the bundler is loaded: the cluster and esbuild's process work meanwhile.
  const [known, bundle] = await Promise.all([announced(client, options), bundled(path)]);
  if (!known.some(({ id }) => id === bundle.hash)) await client.putBundle(bundle.hash, bundle.code);
  return await client.submit(requestOf(bundle, options));
}

/** What the coordinator has already. */
async function announced(client: RestClient, { parallelism }: SubmitOptions): Promise<readonly BundleView[]> {
  await client.expectSubmission(parallelism === undefined ? {} : { parallelism });
  return await client.bundles();
}

async function bundled(path: string): Promise<JobBundle> {
  const { bundleJob } = await import("../bundle/bundle-job.ts");
  return await bundleJob(path);
}

function requestOf({ hash }: JobBundle, options: SubmitOptions): SubmitRequest {
  const { parallelism, param, slotHeap, state, from } = options;
  const upgrade = upgradeOptions(options);
  return {
    bundle: hash,
    ...(parallelism === undefined ? {} : { parallelism }),
    ...(slotHeap === undefined ? {} : { slotHeapMb: slotHeap }),
    ...(state === undefined ? {} : { state }),
    ...(from === undefined ? {} : { from: resolve(from) }),
    ...(upgrade === undefined ? {} : { upgrade }),
    paramTexts: param,
    workingDirectory: process.cwd(),
  };
}

function startedText({ name, jid }: JobSummaryView, { detach }: SubmitOptions): string {
  const leave = detach
    ? `millrace info ${jid} shows how it does`
    : "Ctrl-C cancels it; --detach would leave it running";
  return `submitted ${printable(name)} as job ${jid}. ${leave}`;
}

async function followed(client: RestClient, { jid }: JobSummaryView, options: SubmitOptions): Promise<ExitCode> {
  using interruption = cancelOnInterrupt(client, jid);
  const result = await followJob(client, jid, options);
  if (options.json) await printResult(client, result);
  else await printRows(client, result);
  if (result.state !== "FINISHED") say(errorText(failureOf(result), { ...options, label }));
  return codeOf(result, interruption.asked());
}

function codeOf(result: JobResultView, asked: boolean): ExitCode {
  return result.state === "CANCELED" && asked ? exitCodes.interrupted : exitOf(result);
}

/** The first Ctrl-C cancels the job, and what follows shows its end; a later one ends this process. */
function cancelOnInterrupt(client: RestClient, jid: string): Disposable & { asked(): boolean } {
  let asked = false;
  const signal = onStopSignal(() => process.exit(exitCodes.interrupted));
  void signal.received.then(async () => {
    asked = true;
    say("cancelling the job; Ctrl-C again ends only this command");
    // A job that has ended meanwhile shows that by itself.
    await client.cancel(jid).catch((error: unknown) => say(errorText(error, { verbose: false, label })));
  });
  return { asked: () => asked, [Symbol.dispose]: () => signal[Symbol.dispose]() };
}
