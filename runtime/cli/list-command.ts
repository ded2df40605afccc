/** `millrace list`: the coordinator's jobs, running ones first. */

import type { JobSummaryView } from "../rest/views.ts";
import { type ConnectionOptions, withClient } from "./connection.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { hasEnded } from "./find-job.ts";
import { type OutputOptions, print, say, terminalWidth } from "./output.ts";
import { duration, moment } from "./quantity.ts";
import { type Column, table } from "./table.ts";

export interface ListOptions extends ConnectionOptions, OutputOptions {
  /** Ended jobs too. */
  readonly all: boolean;
}

export async function listCommand(options: ListOptions): Promise<ExitCode> {
  const all = await withClient(options, (client) => client.jobs());
  const alive = all.filter((job) => !hasEnded(job));
  const shown = options.all ? [...alive, ...all.filter(hasEnded)] : alive;
  print(options, shown, () => table(columns(shortIds(all)), shown, terminalWidth()));
  const ended = all.length - alive.length;
  if (!options.json && !options.all && ended > 0)
    say(`${ended} ended ${ended === 1 ? "job" : "jobs"}: millrace list --all`);
  return exitCodes.done;
}

function columns(short: (jid: string) => string): readonly Column<JobSummaryView>[] {
  return [
    { title: "JOB", of: ({ jid }) => short(jid) },
    { title: "NAME", of: ({ name }) => name, least: 8 },
    { title: "STATE", of: ({ state }) => state },
    { title: "PAR", of: ({ parallelism }) => String(parallelism), align: "right" },
    { title: "RESTARTS", of: ({ restarts }) => String(restarts), align: "right" },
    { title: "STARTED (UTC)", of: (job) => moment(job["start-time"]) },
    { title: "FOR", of: (job) => duration(job.duration), align: "right" },
  ];
}

const shortest = 8;

/** The beginnings of ids that name each job alone, all of one length. */
export function shortIds(jobs: readonly { readonly jid: string }[]): (jid: string) => string {
  const ids = jobs.map(({ jid }) => jid);
  const longest = Math.max(shortest, ...ids.map((jid) => jid.length));
  let length = shortest;
  while (length < longest && new Set(ids.map((jid) => jid.slice(0, length))).size < new Set(ids).size) length++;
  return (jid) => jid.slice(0, length);
}
