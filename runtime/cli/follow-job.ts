/**
 * Follows a job on a cluster to its end: its progress and log on standard error, and on standard output what its `print`
 * sinks write. A coordinator that is away for a while is asked again, as it carries on with its jobs when it is back.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { MillraceError } from "../../core/errors.ts";
import type { JobMetrics } from "../job-metrics.ts";
import type { RestClient } from "../rest/client.ts";
import type { JobResultView, LogLine } from "../rest/views.ts";
import { countersText } from "./counters-text.ts";
import { hasEnded } from "./find-job.ts";
import { logText } from "./log-text.ts";
import { say } from "./output.ts";
import { type Progress, showProgress } from "./progress.ts";
import { printable } from "./table.ts";

export interface FollowOptions {
  readonly verbose: boolean;
}

/** How often is looked, from a lively job to a silent one. */
const lookEveryMsLeast = 40;
const lookEveryMs = 250;

/** How long a coordinator may be away: a restart takes a second, a host's restart a minute. */
const AWAY_MS_MAX = 120_000;

export async function followJob(client: RestClient, jid: string, options: FollowOptions): Promise<JobResultView> {
  // Printed rows on the terminal of a line that is rewritten would be torn apart by it.
  const progress = showProgress(process.stdout.isTTY === true ? { rewrite: false } : {});
  const waiting = new Waiting(client, jid);
  let from = 0;
  for (let waitMs = lookEveryMsLeast; ; waitMs = Math.min(2 * waitMs, lookEveryMs)) {
    const page = await patiently(() => client.log(jid, from));
    for (const line of page.lines) show(line, options);
    from = page.next;
    if (page.ended && page.lines.length === 0) break;
    const metrics = await patiently(() => client.metrics(jid));
    if (isMetrics(metrics)) progress.onProgress(withInfinities(metrics));
    await waiting.look();
    if (page.lines.length > 0) waitMs = lookEveryMsLeast / 2;
    else await sleep(waitMs);
  }
  return await ended(client, jid, progress);
}

/** Says why a job waits for slots, once it does for longer than it takes to deploy one. */
class Waiting {
  readonly #client: RestClient;
  readonly #jid: string;
  #next = performance.now() + WAITING_SAID_AFTER_MS;
  #said: string | undefined;

  constructor(client: RestClient, jid: string) {
    this.#client = client;
    this.#jid = jid;
  }

  async look(): Promise<void> {
    if (performance.now() < this.#next) return;
    this.#next = performance.now() + WAITING_SAID_AFTER_MS;
    const { state, failure } = await patiently(() => this.#client.job(this.#jid));
    const text = state === "WAITING" ? `the job waits for slots: ${failure?.message ?? "none are free"}` : undefined;
    if (text !== undefined && text !== this.#said) say(printable(text));
    this.#said = text;
  }
}

const WAITING_SAID_AFTER_MS = 2000;

async function ended(client: RestClient, jid: string, progress: Progress): Promise<JobResultView> {
  let result = await patiently(() => client.result(jid));
  for (; !hasEnded(result); result = await patiently(() => client.result(jid))) await sleep(lookEveryMs);
  const { metrics } = result;
  if (isMetrics(metrics)) progress.onProgress(withInfinities(metrics));
  progress.done();
  if (isMetrics(metrics)) process.stderr.write(countersText(metrics));
  return result;
}

function show(line: LogLine, { verbose }: FollowOptions): void {
  if (line.level === "out") process.stdout.write(logText(line));
  else if (verbose || line.level === "warn" || line.level === "error") process.stderr.write(logText(line));
}

/** The answer, as soon as a coordinator gives one. */
async function patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  const since = Date.now();
  for (let said = false; ; said = true) {
    try {
      return await ask();
    } catch (error) {
      if (!isAway(error) || Date.now() - since > AWAY_MS_MAX) throw error;
      if (!said) say(`${(error as Error).message}; asking again`);
      await sleep(lookEveryMs);
    }
  }
}

function isAway(error: unknown): boolean {
  return error instanceof MillraceError && (error.code === "COORDINATOR_UNREACHABLE" || error.code === "NOT_READY");
}

function isMetrics(value: unknown): value is JobMetrics {
  return typeof value === "object" && value !== null && Array.isArray((value as Partial<JobMetrics>).vertices);
}

/** JSON has no infinities: a watermark of null stands for one, and says nothing of event time. */
function withInfinities(metrics: JobMetrics): JobMetrics {
  const vertices = metrics.vertices.map((vertex) => ({
    ...vertex,
    watermark: (vertex.watermark as number | null) ?? Number.NEGATIVE_INFINITY,
  }));
  return { ...metrics, vertices };
}
