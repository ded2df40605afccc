/** `millrace result JOB`: the rows that a job's `collectTo` sinks have kept, and how it ended. */

import { MillraceError } from "../../core/errors.ts";
import type { JobResultView } from "../rest/views.ts";
import { type ConnectionOptions, withClient } from "./connection.ts";
import { errorText } from "./error-text.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { findJob, hasEnded } from "./find-job.ts";
import { failureOf, printResult, printRows } from "./job-result.ts";
import { label } from "./label.ts";
import { type OutputOptions, say } from "./output.ts";

export interface ResultOptions extends ConnectionOptions, OutputOptions {
  readonly sink?: string;
}

/** Exit code by how the job ended: a job that still runs counts as done. */
export async function resultCommand(text: string, options: ResultOptions): Promise<ExitCode> {
  return await withClient(options, async (client) => {
    const result = await client.result((await findJob(client, text)).jid);
    refuseUnknownSink(result, options.sink);
    if (options.json) await printResult(client, only(result, options.sink));
    else await printRows(client, result, options.sink);
    if (!hasEnded(result)) say(`the job is ${result.state}: more rows may come`);
    if (result.state === "FAILED") say(errorText(failureOf(result), { verbose: false, label }));
    return exitOf(result);
  });
}

/** Of the job that was looked at, not of the look. */
export function exitOf({ state }: JobResultView): ExitCode {
  switch (state) {
    case "FAILED":
      return exitCodes.failed;
    case "CANCELED":
      return exitCodes.cancelled;
    default:
      return exitCodes.done;
  }
}

function only(result: JobResultView, sink: string | undefined): JobResultView {
  return sink === undefined ? result : { ...result, collected: { [sink]: result.collected[sink] ?? 0 } };
}

function refuseUnknownSink({ collected }: JobResultView, sink: string | undefined): void {
  if (sink === undefined || Object.hasOwn(collected, sink)) return;
  const known = Object.keys(collected).join(", ") || "none";
  throw new MillraceError("BAD_OPTION", `the job has no rows of a collectTo sink "${sink}"; it has: ${known}`);
}
