/**
 * A coordinator and two workers with one slot each, as processes of the command line, which are killed and replaced while a
 * job runs on both slots. Any of them can be started with a fault point, at which it kills itself.
 */

import { writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { JobBundle } from "../../runtime/bundle/bundle-job.ts";
import { RestClient } from "../../runtime/rest/client.ts";
import type { JobView } from "../../runtime/rest/views.ts";
import { freePort, Process } from "../integration/cluster/process.ts";

/** A fault point and how often it has to be reached, as MILLRACE_FAULT_POINT has it; undefined: none. */
export type Armed = string | undefined;

export type Role = "worker" | "coordinator";

const LOOK_EVERY_MS = 25;
/** Only a job that hangs takes longer, also where brokers come back slowly and what they aborted is written again. */
const HANGS_AFTER_MS = 300_000;
const WORKERS = 2;
/** Until a worker that takes another's place has to be there, on a machine that is busy with other things too. */
const SLOT_TIMEOUT = "10m";

export class KillCluster implements AsyncDisposable {
  readonly folder: string;
  readonly gate: string;
  readonly output: string;
  readonly #port: number;
  readonly #workers: Process[] = [];
  /** All that there were, in the order of their starts. */
  readonly #all: Process[] = [];
  #coordinator: Process;
  #client: RestClient;
  #jid = "";

  private constructor(folder: string, port: number, coordinator: Process, token: string) {
    this.folder = folder;
    this.gate = join(folder, "gate");
    this.output = join(folder, "output");
    this.#port = port;
    this.#coordinator = coordinator;
    this.#all.push(coordinator);
    this.#client = new RestClient({ host: "127.0.0.1", port, token, timeoutMs: 30_000 });
  }

  static async start(folder: string): Promise<KillCluster> {
    const port = await freePort();
    const coordinator = coordinatorProcess(folder, port, undefined);
    const { tokenFile } = JSON.parse(await coordinator.line(/^\{/)) as { readonly tokenFile: string };
    const cluster = new KillCluster(folder, port, coordinator, (await readFile(tokenFile, "utf8")).trim());
    for (let worker = 0; worker < WORKERS; worker++) cluster.#startWorker(undefined);
    return cluster;
  }

  async submit({ hash, code }: JobBundle, params: Readonly<Record<string, string | number>>): Promise<void> {
    await this.#client.putBundle(hash, code);
    const all = { ...params, gate: this.gate, output: this.output };
    this.#jid = (await this.#client.submit({ bundle: hash, workingDirectory: this.folder, params: all })).jid;
  }

  /** Kills one of these processes and starts another in its place. The worker that was started last is the last of them. */
  async kill(role: Role, which: number, armed: Armed): Promise<void> {
    const victim = role === "worker" ? (this.#workers[which % WORKERS] as Process) : this.#coordinator;
    await victim.end();
    this.#replace(victim, armed);
  }

  /**
   * The coordinator dies at a fault point, and another one takes its place only after `meanwhile`; at once when it does not
   * come to die as a worker killed itself first.
   */
  async withoutCoordinator(armed: Armed, meanwhile: () => Promise<void>): Promise<void> {
    await this.kill("coordinator", 0, armed);
    for (
      const end = performance.now() + HANGS_AFTER_MS;
      !hasKilledItself(this.#coordinator);
      await sleep(LOOK_EVERY_MS)
    ) {
      if (this.#workers.some(hasKilledItself)) return await this.kill("coordinator", 0, undefined);
      if (performance.now() > end) throw new Error(`nothing comes to ${armed}`);
    }
    await this.#coordinator.ended;
    await meanwhile();
    this.#replace(this.#coordinator, undefined);
  }

  /** Resolves when a process has killed itself, with its place taken by one that is `armed`; false when none has in time. */
  async killedItself(role: Role, withinMs: number, armed: Armed, meanwhile: () => Promise<void>): Promise<boolean> {
    const watched = role === "worker" ? this.#workers : [this.#coordinator];
    for (const end = performance.now() + withinMs; performance.now() < end; await sleep(LOOK_EVERY_MS)) {
      const dead = watched.find(hasKilledItself);
      if (dead !== undefined) {
        await dead.ended;
        this.#replace(dead, armed);
        return true;
      }
      await meanwhile();
    }
    return false;
  }

  /** The job, once it is in this state and was started more often than `after`. @throws when it ends in another one */
  async reaches(state: "RUNNING" | "FINISHED", after = 0): Promise<JobView> {
    let last: unknown;
    for (const end = performance.now() + HANGS_AFTER_MS; performance.now() < end; await sleep(LOOK_EVERY_MS)) {
      const job = await this.job();
      last = job?.state;
      if (job?.state === "FAILED" || job?.state === "CANCELED" || (job?.state === "FINISHED" && state === "RUNNING"))
        throw new Error(`the job is ${job.state}: ${JSON.stringify(job.failure)}`);
      if (job?.state === state && (await this.attempt()) > after) return job;
    }
    throw new Error(`the job is not ${state} after ${HANGS_AFTER_MS} ms, but ${String(last)}`);
  }

  /** Undefined when the coordinator does not answer. */
  async job(): Promise<JobView | undefined> {
    return await this.#client.job(this.#jid).catch(() => undefined);
  }

  /** The number of the newest attempt, from 1; 0 when the coordinator does not answer. */
  async attempt(): Promise<number> {
    const job = await this.job();
    const vertex = job?.vertices[0];
    if (vertex === undefined) return 0;
    const detail = await this.#client.vertex(this.#jid, vertex.id).catch(() => undefined);
    return (detail?.subtasks[0]?.attempt ?? -1) + 1;
  }

  async completedCheckpoints(): Promise<number> {
    const view = await this.#client.checkpoints(this.#jid).catch(() => undefined);
    return view?.counts.completed ?? 0;
  }

  /** Asks for a savepoint; what comes of it is nobody's business. */
  async savepoint(): Promise<void> {
    await this.#client.savepoint(this.#jid, {}).catch(() => {});
  }

  /** Lets the job come to its end. */
  open(): void {
    writeFileSync(this.gate, "");
  }

  /** What people would look at after a failure. */
  async exceptions(): Promise<readonly string[]> {
    const view = await this.#client.exceptions(this.#jid).catch(() => undefined);
    return view?.exceptionHistory.entries.map(({ exceptionName, error }) => `${exceptionName}: ${error.message}`) ?? [];
  }

  /** What its processes have said, one behind the other. */
  get said(): string {
    return this.#all
      .map(({ pid, child, stderr }) => [`process ${pid}: ${child.spawnargs.slice(2).join(" ")}`, ...stderr].join("\n"))
      .join("\n\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    await Promise.all([this.#coordinator, ...this.#workers].map((each) => each.end()));
  }

  #replace(victim: Process, armed: Armed): void {
    if (victim === this.#coordinator) {
      this.#coordinator = coordinatorProcess(this.folder, this.#port, armed);
      this.#all.push(this.#coordinator);
      return;
    }
    this.#workers.splice(this.#workers.indexOf(victim), 1);
    this.#startWorker(armed);
  }

  #startWorker(armed: Armed): void {
    const args = ["worker", "--coordinator", `127.0.0.1:${this.#port}`, "--slots", "1"];
    const worker = new Process(args, { cwd: this.folder, env: environment(armed) });
    this.#workers.push(worker);
    this.#all.push(worker);
  }
}

function hasKilledItself({ child }: Process): boolean {
  return child.signalCode === "SIGKILL";
}

function coordinatorProcess(folder: string, port: number, armed: Armed): Process {
  const args = ["coordinator", "--port", String(port), "--slot-timeout", SLOT_TIMEOUT, "--json"];
  return new Process(args, { cwd: folder, env: environment(armed) });
}

function environment(armed: Armed): NodeJS.ProcessEnv {
  return { MILLRACE_FAULT_POINT: armed ?? "" };
}
