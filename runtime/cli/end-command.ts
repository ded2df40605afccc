/** `millrace cancel JOB` and `millrace stop JOB`: asks, and with `--wait` waits until the job has ended. */

import { setTimeout as sleep } from "node:timers/promises";
import type { RestClient } from "../rest/client.ts";
import type { JobSummaryView } from "../rest/views.ts";
import { type ConnectionOptions, withClient } from "./connection.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { findJob, hasEnded } from "./find-job.ts";
import { type OutputOptions, print, say } from "./output.ts";
import { savepointCommand } from "./savepoint-command.ts";
import { printable } from "./table.ts";

export interface EndOptions extends ConnectionOptions, OutputOptions {
  readonly wait: boolean;
}

export interface StopOptions extends EndOptions {
  /** The folder for a savepoint, true for one that the coordinator chooses; absent: none is taken. */
  readonly savepoint?: string | true;
  /** Windows fire before the savepoint. */
  readonly drain: boolean;
}

/** Closes the job's files and ends it at once: what its windows hold is lost. @throws JOB_ENDED */
export async function cancelCommand(text: string, options: EndOptions): Promise<ExitCode> {
  return await end(text, options, "cancelled", (client, jid) => client.cancel(jid));
}

/**
 * Ends the job's sources, lets its windows fire, and so lets it finish; or ends it at a savepoint, from which another one
 * goes on. @throws JOB_ENDED, SAVEPOINT_FAILED
 */
export async function stopCommand(text: string, options: StopOptions): Promise<ExitCode> {
  const { savepoint, drain } = options;
  if (savepoint !== undefined) {
    const to = savepoint === true ? {} : { to: savepoint };
    return await savepointCommand(text, { ...options, ...to }, { "cancel-job": true, drain });
  }
  return await end(text, options, "stopped", (client, jid) => client.stop(jid));
}

async function end(
  text: string,
  options: EndOptions,
  word: string,
  ask: (client: RestClient, jid: string) => Promise<void>,
): Promise<ExitCode> {
  const job = await withClient(options, async (client) => {
    const { jid } = await findJob(client, text);
    await ask(client, jid);
    return options.wait ? await untilEnded(client, jid) : await client.job(jid);
  });
  const { jid, name, state, restarts } = job;
  if (options.json) print(options, { jid, name, state, restarts }, () => "");
  else say(`${printable(name)} (${jid}) ${hasEnded(job) ? `has ended: ${state}` : `is being ${word}`}`);
  return exitCodes.done;
}

const askEveryMs = 100;

async function untilEnded(client: RestClient, jid: string): Promise<JobSummaryView> {
  for (;;) {
    const job = await client.job(jid);
    if (hasEnded(job)) return job;
    await sleep(askEveryMs);
  }
}
