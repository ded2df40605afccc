/**
 * One round: a job runs on a cluster of its own, whose processes are killed one after the other as the plan says, and its
 * output has to be that of an undisturbed run.
 *
 *   1. The job runs and has completed a checkpoint.
 *   2. For each strike: a process dies, another one takes its place, the job runs again. For a fault point a process is
 *      killed at that moment, unless the last one was of its kind, and the one in its place is armed.
 *   3. The gate opens, the job comes to its end, if need be over one more strike.
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JobBundle } from "../../runtime/bundle/bundle-job.ts";
import { type Armed, KillCluster, type Role } from "./kill-cluster.ts";
import { type Output, outputOf } from "./output.ts";
import type { Round, Strike } from "./plan.ts";

/** In the folder of a round that has failed: what its processes have said. */
const SAID = "processes.log";

export interface RoundJob {
  readonly bundle: JobBundle;
  readonly params: Readonly<Record<string, string | number>>;
  /** Of the undisturbed run. */
  readonly expected: Output;
  /** What it has published; default: what its folders hold. */
  readonly found?: () => Promise<Output>;
  /** What an outage is. */
  readonly outage?: (of: readonly number[], forMs: number) => Promise<void>;
  /** Resolves when brokers have aborted all that it had open, which they do after a while when it has no coordinator. */
  readonly aborted?: () => Promise<void>;
}

export interface RoundResult {
  /** Names of fault points, and "random worker" and "random coordinator", once for each kill. */
  readonly kills: readonly string[];
  /** Fault points at which nothing came by in time. */
  readonly missed: readonly string[];
  /** From a kill until the job ran again. */
  readonly recoveryMs: readonly number[];
  readonly attempts: number;
}

/** Only one that is never reached takes longer. */
const REACHED_WITHIN_MS = 120_000;

/** What was provoked and did not come by then is provoked once more. */
const AGAIN_AFTER_MS = 30_000;

/** Enumerators run in one slot only: then the other worker is killed, and the armed one gets that slot. */
const OTHER_AFTER_MS = 8_000;

/** @throws when the job does not finish, or not with the output of the undisturbed run. */
export async function runRound(folder: string, { strikes, ending }: Round, job: RoundJob): Promise<RoundResult> {
  await using cluster = await KillCluster.start(folder);
  const striking = new Striking(cluster, job);
  try {
    await cluster.submit(job.bundle, job.params);
    await cluster.reaches("RUNNING");
    await eventuallyCompleted(cluster);
    for (const [at, strike] of strikes.entries()) await striking.strike(strike, strikes[at + 1] ?? ending);
    if (ending !== undefined) await striking.strike(ending, undefined);
    cluster.open();
    await cluster.reaches("FINISHED");
    const attempts = await cluster.attempt();
    expectSame(await (job.found ?? (() => outputOf(cluster.output)))(), job.expected);
    return { kills: striking.kills, missed: striking.missed, recoveryMs: striking.recoveryMs, attempts };
  } catch (error) {
    const history = await cluster.exceptions();
    await writeFile(join(folder, SAID), cluster.said);
    throw new Error(`${(error as Error).message}\n  kills: ${striking.kills.join(", ")}\n  ${history.join("\n  ")}`, {
      cause: error,
    });
  }
}

async function eventuallyCompleted(cluster: KillCluster): Promise<void> {
  while ((await cluster.completedCheckpoints()) === 0) await cluster.reaches("RUNNING");
}

class Striking {
  readonly kills: string[] = [];
  readonly missed: string[] = [];
  readonly recoveryMs: number[] = [];
  readonly #cluster: KillCluster;
  readonly #job: RoundJob;
  /** Which kind of process waits armed for the next strike. */
  #armed: Role | undefined;

  constructor(cluster: KillCluster, job: RoundJob) {
    this.#cluster = cluster;
    this.#job = job;
  }

  /** `next`: for which a process that takes another's place is armed, if it is of the same kind. */
  async strike(strike: Strike, next: Strike | undefined): Promise<void> {
    if (strike.kind === "outage") return await this.#outage(strike);
    const before = await this.#cluster.attempt();
    if (strike.kind === "random") await this.#atRandom(strike, armedFor(next, strike.process));
    else await this.#atPoint(strike, armedFor(next, strike.point.process));
    const from = performance.now();
    // A process that was armed meanwhile may die before the job runs again, and one that had to end may have ended.
    if (this.#armed !== undefined || (strike.kind === "point" && strike.point.when === "ending")) return;
    await this.#cluster.reaches("RUNNING", before);
    this.recoveryMs.push(performance.now() - from);
  }

  /** The job may start again or not; it goes on when what was away is back. */
  async #outage({ of, forMs }: Strike & { kind: "outage" }): Promise<void> {
    this.kills.push(...of.map((broker) => `broker ${broker}`));
    const from = performance.now();
    await this.#job.outage?.(of, forMs);
    const completed = await this.#cluster.completedCheckpoints();
    do await this.#cluster.reaches("RUNNING");
    while ((await this.#cluster.completedCheckpoints()) <= completed);
    this.recoveryMs.push(performance.now() - from - forMs);
  }

  async #atRandom({ process, which, afterMs }: Strike & { kind: "random" }, armed: Armed): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    this.kills.push(`random ${process}`);
    await this.#cluster.kill(process, which, armed);
    this.#armed = armed === undefined ? undefined : process;
  }

  async #atPoint(strike: Strike & { kind: "point" }, armed: Armed): Promise<void> {
    const { name, process } = strike.point;
    if (this.#armed !== process) {
      this.kills.push(`random ${process}`);
      await this.#cluster.kill(process, 0, armedFor(strike, process));
    }
    const hit = await this.#cluster.killedItself(process, REACHED_WITHIN_MS, armed, this.#provoked(strike));
    (hit ? this.kills : this.missed).push(name);
    if (!hit) await this.#cluster.kill(process, 0, armed);
    this.#armed = armed === undefined ? undefined : process;
  }

  /** What has to be done so that a process comes to the fault point at all. */
  #provoked({ point }: Strike & { kind: "point" }): () => Promise<void> {
    const cluster = this.#cluster;
    const from = performance.now();
    let done = false;
    let triedAt = Number.NEGATIVE_INFINITY;
    return async () => {
      const { when } = point;
      // What was armed for it dies a while after the job goes on: until then it must not lose its coordinator again.
      if (when === "timedOut" && performance.now() - triedAt < AGAIN_AFTER_MS) return;
      if (done && when !== "savepoint") return;
      const regular = when === "running" || when === "restarting";
      if (regular && (point.process === "coordinator" || performance.now() - from < OTHER_AFTER_MS)) return;
      if ((await cluster.job())?.state !== "RUNNING") return;
      done = true;
      if (regular) {
        this.kills.push("random worker");
        await cluster.kill("worker", 0, undefined);
        return;
      }
      if (when === "timedOut") {
        this.kills.push("coordinator.completion-stored");
        // The first checkpoint of an attempt may hold output of some sinks only, and not of those of the armed process.
        await cluster.withoutCoordinator("coordinator.completion-stored:2", this.#job.aborted ?? (async () => {}));
        [done, triedAt] = [false, performance.now()];
      } else if (when === "savepoint") await cluster.savepoint();
      else if (when === "failing") await cluster.kill("worker", 0, undefined);
      else cluster.open();
    };
  }
}

function armedFor(strike: Strike | undefined, role: Role): Armed {
  return strike?.kind === "point" && strike.point.process === role ? `${strike.point.name}:${strike.nth}` : undefined;
}

function expectSame(found: Output, expected: Output): void {
  for (const [name, rows] of expected) {
    const own = found.get(name) ?? [];
    const [lost, extra] = [rowsBehind(rows, own), rowsBehind(own, rows)];
    if (lost.length + extra.length === 0) continue;
    throw new Error(
      `${name} has ${own.length} rows and not ${rows.length}: ${lost.length} are lost and ${extra.length} too many, such as ${lost[0] ?? extra[0]}`,
    );
  }
}

/** What the first has more often than the second. Both are sorted. */
function rowsBehind(rows: readonly string[], others: readonly string[]): readonly string[] {
  const more: string[] = [];
  let at = 0;
  for (const row of rows) {
    while (at < others.length && (others[at] as string) < row) at++;
    if (others[at] === row) at++;
    else more.push(row);
  }
  return more;
}
