/** From what a user types for a job to the job: its id, the beginning of its id, or its name. */

import { MillraceError } from "../../core/errors.ts";
import type { RestClient } from "../rest/client.ts";
import type { JobStatus, JobSummaryView } from "../rest/views.ts";

const ended: ReadonlySet<JobStatus> = new Set<JobStatus>(["FINISHED", "FAILED", "CANCELED"]);

export function hasEnded({ state }: { readonly state: JobStatus }): boolean {
  return ended.has(state);
}

/** @throws JOB_UNKNOWN, or BAD_OPTION when it may mean several jobs. */
export async function findJob(client: RestClient, text: string): Promise<JobSummaryView> {
  return chooseJob(await client.jobs(), text);
}

/**
 * In this order: the id itself; the only job of that name that has not ended, or else the only one of that name; the only
 * one whose id begins so.
 */
export function chooseJob(jobs: readonly JobSummaryView[], text: string): JobSummaryView {
  const exact = jobs.find(({ jid }) => jid === text);
  if (exact !== undefined) return exact;
  const named = jobs.filter(({ name }) => name === text);
  const alive = named.filter((job) => !hasEnded(job));
  for (const found of [alive, named, jobs.filter(({ jid }) => text !== "" && jid.startsWith(text))]) {
    const [first, ...others] = found;
    if (first === undefined) continue;
    if (others.length === 0) return first;
    throw ambiguous(text, found);
  }
  throw new MillraceError("JOB_UNKNOWN", `there is no job "${text}"; millrace list shows the jobs`);
}

const shownMax = 5;

function ambiguous(text: string, jobs: readonly JobSummaryView[]): MillraceError {
  const shown = jobs.slice(0, shownMax).map(({ jid, name }) => `${jid} (${name})`);
  if (jobs.length > shownMax) shown.push(`${jobs.length - shownMax} more`);
  return new MillraceError(
    "BAD_OPTION",
    `"${text}" may be one of several jobs: ${shown.join(", ")}; give more of the id`,
  );
}
