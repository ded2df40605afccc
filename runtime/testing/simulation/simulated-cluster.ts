/**
 * A simulated cluster with one job: its hosts and processes, who starts them again, and who submits the job and waits for it.
 * One seed, one run.
 */

import type { Job } from "../../../core/job.ts";
import type { BundleHash, JobId } from "../../cluster-ids.ts";
import { isFinalStatus } from "../../coordinator/job-life.ts";
import type { JobManager } from "../../coordinator/job-manager.ts";
import { JobResultFiles } from "../../coordinator/job-result-files.ts";
import { watchFaultPoints } from "../../fault-point.ts";
import type { PlannedJob } from "../../planned-job.ts";
import type { SlotDeployment } from "../../protocol.ts";
import type { CheckpointStore } from "../../state/checkpoint-store.ts";
import { openDirectoryStore } from "../../state/directory-store.ts";
import { ControlNetwork } from "./control-network.ts";
import { Disk } from "./disk.ts";
import { FaultInjector } from "./fault-injector.ts";
import type { PlannedFault, Shown } from "./faults.ts";
import { finalState } from "./final-state.ts";
import { HostStores } from "./host-stores.ts";
import { Ledger, textOf } from "./ledger.ts";
import { LinkSockets } from "./link-network.ts";
import { Network } from "./network.ts";
import { Host, SimulatedProcess } from "./process.ts";
import { type ProgramOptions, simulatedProgram } from "./program.ts";
import { quietFiles } from "./quiet-files.ts";
import { DATA_FOLDER, SHARED_FOLDER, SimulatedCoordinator } from "./simulated-coordinator.ts";
import { SimulatedWorker } from "./simulated-worker.ts";
import { World } from "./world.ts";

export interface SimulatedRun {
  readonly seed: number;
  readonly job: Job;
  readonly plan: PlannedJob;
  readonly workers: number;
  readonly slotsPerWorker: number;
  readonly program: Omit<ProgramOptions, "ledger">;
  /** Whether workers keep checkpoints, or a folder that all hosts share. */
  readonly storesInWorkers: boolean;
  /** Drawn when the world has begun. */
  readonly faults: (world: World) => readonly PlannedFault[];
  readonly log: ((line: string) => void) | undefined;
}

export interface RunOutcome extends Shown {
  /** Beside what its output and state tell. */
  readonly problems: readonly string[];
  /** Of each sink, sorted. */
  readonly rows: ReadonlyMap<string, readonly string[]>;
  readonly state: readonly string[];
  readonly trace: string;
  readonly events: number;
  /** How often each fault has struck, and what came of the job. */
  readonly counts: ReadonlyMap<string, number>;
}

const VERSION = "simulated";
const CLIENT_EVERY_MS = 40;
const AFTERWARDS_EVERY_MS = 500;
/** How long a coordinator may take to be ready, before who watches it starts another one. */
const UNREADY_MS_MAX = 4000;
/** From then on nothing goes wrong any more. */
const CALM_AFTER_MS = 120_000;
/** Within so long of calm every job comes to its end. */
const END_WITHIN_MS = 300_000;
/** What is still under way when the job is over arrives, and changes nothing. */
const AFTERWARDS_MS = 10_000;

export class SimulatedCluster {
  readonly world: World;
  readonly network: Network;
  readonly disk: Disk;
  readonly hosts: readonly Host[];
  readonly coordinatorHost = new Host("host-c");
  readonly #run: SimulatedRun;
  readonly #control: ControlNetwork;
  readonly #links: LinkSockets;
  readonly #ledger = new Ledger();
  readonly #stores: HostStores;
  readonly #steps = new Map<string, number>();
  /** Slots of attempts that have begun. */
  readonly #started = new Set<string>();
  readonly #problems: string[] = [];
  readonly #workers: SimulatedWorker[] = [];
  readonly #injector: FaultInjector;
  #coordinator: SimulatedCoordinator | undefined;
  #coordinators = 0;
  #jobs = 0;
  #submitting = false;
  #jobId: JobId | undefined;
  #unreadySinceMs = 0;
  #overMs = Number.POSITIVE_INFINITY;

  constructor(run: SimulatedRun) {
    this.#run = run;
    this.world = new World(run.seed);
    this.network = new Network(this.world);
    this.disk = new Disk(this.world);
    this.#stores = new HostStores(this.disk);
    this.#control = new ControlNetwork(this.network);
    this.#links = new LinkSockets(this.network);
    this.hosts = Array.from({ length: run.workers }, (_, at) => new Host(`host-${at}`));
    this.#injector = new FaultInjector(this, run.faults(this.world));
  }

  async run(): Promise<RunOutcome> {
    const { world } = this;
    watchFaultPoints((step) => this.#stepReached(step));
    // A real process would die of it.
    const unhandled = (cause: unknown): void =>
      void this.#problems.push(`a failure that nobody handles: ${textOfError(cause)}`);
    process.on("unhandledRejection", unhandled);
    try {
      const begin = (): void => {
        this.startCoordinator(0);
        for (const host of this.hosts) this.startWorker(host, 0);
        this.#attend();
        this.#injector.begin();
        world.after(CALM_AFTER_MS, "calm", () => this.#injector.end());
      };
      const enough = (): boolean => world.nowMs > this.#overMs + AFTERWARDS_MS || this.#problems.length > 0;
      await world.run(begin, CALM_AFTER_MS + END_WITHIN_MS, enough);
    } catch (cause) {
      this.#problems.push(textOfError(cause));
    } finally {
      watchFaultPoints(undefined);
      process.off("unhandledRejection", unhandled);
    }
    return await this.#outcome();
  }

  /** Those that live. */
  get workers(): readonly SimulatedWorker[] {
    return this.#workers.filter(({ process }) => process.alive);
  }

  /** Whether each checkpoint is on two hosts at least: workers keep it, and one of them cannot run the job alone. */
  get hasCopies(): boolean {
    const { storesInWorkers, plan, slotsPerWorker } = this.#run;
    return storesInWorkers && plan.executionGraph.slots > slotsPerWorker;
  }

  get coordinator(): SimulatedProcess | undefined {
    return this.#coordinator?.process.alive === true ? this.#coordinator.process : undefined;
  }

  startWorker(host: Host, afterMs: number): void {
    this.world.after(afterMs, "a worker starts", () => {
      if (this.workers.some(({ process }) => process.host === host)) return;
      const process = new SimulatedProcess(`worker-${this.#workers.length}`, host, this.world);
      const { job, slotsPerWorker: slots, program } = this.#run;
      const worker = new SimulatedWorker({
        ...{ process, slots, disk: this.disk, control: this.#control, links: this.#links, version: VERSION },
        job: simulatedProgram(job, { ...program, ledger: this.#ledger }, process),
        stores: this.#stores,
        fence: (id) => {
          const fenced = this.workers.find((each) => each.process.name === id && each.process.host === host);
          if (fenced !== undefined) this.kill(fenced.process);
          return fenced !== undefined;
        },
        started: (deployment) => this.#slotStarted(deployment),
        ended: (why) => {
          if (why !== undefined) this.#problems.push(`${process.name} ended: ${why.stack}`);
          process.die();
          this.startWorker(host, 500);
        },
      });
      this.#workers.push(worker);
    });
  }

  /** An attempt's number is given once: by it old and new are told apart. */
  #slotStarted({ jobId, attempt, slot }: SlotDeployment): void {
    const started = `slot ${slot + 1} of attempt ${attempt} of ${jobId}`;
    if (this.#started.has(started)) this.#problems.push(`${started} was started twice`);
    this.#started.add(started);
  }

  startCoordinator(afterMs: number): void {
    this.world.after(afterMs, "a coordinator starts", () => {
      if (this.coordinator !== undefined) return;
      const process = new SimulatedProcess(`coordinator-${++this.#coordinators}`, this.coordinatorHost, this.world);
      this.#unreadySinceMs = this.world.nowMs;
      this.#coordinator = new SimulatedCoordinator({
        ...{ process, disk: this.disk, control: this.#control, version: VERSION },
        storesInWorkers: this.#run.storesInWorkers,
        newJobId: () => `job-${++this.#jobs}` as JobId,
        log: (line) => this.#run.log?.(`${this.world.nowMs.toFixed(1)} ${process.name}: ${line}`),
        failed: (cause) => {
          this.#run.log?.(`${this.world.nowMs.toFixed(1)} ${process.name} could not start: ${cause.message}`);
          this.kill(process);
        },
      });
    });
  }

  /** It dies, and whoever watches it starts another one after a while. */
  kill(process: SimulatedProcess, restartMs = 500): void {
    process.die();
    if (process.host === this.coordinatorHost) this.startCoordinator(restartMs);
    else this.startWorker(process.host, restartMs);
  }

  /** Its process dies, and what nobody has synced is lost. */
  losePower(host: Host, restartMs: number): void {
    for (const process of [this.coordinator, ...this.workers.map((worker) => worker.process)])
      if (process?.host === host) this.kill(process, restartMs);
    this.disk.losePower(host);
  }

  note(what: string): void {
    this.#run.log?.(`${this.world.nowMs.toFixed(1)} fault: ${what}`);
  }

  #stepReached(step: string): void {
    const { current } = this.world;
    if (current?.alive !== true) return;
    const nth = (this.#steps.get(step) ?? 0) + 1;
    this.#steps.set(step, nth);
    this.#injector.stepReached(step, nth, current);
  }

  /** Submits the job, looks how it goes, and has a coordinator replaced that is not ready for long. */
  #attend(): void {
    const isOver = this.#overMs < Number.POSITIVE_INFINITY;
    this.world.after(isOver ? AFTERWARDS_EVERY_MS : CLIENT_EVERY_MS, "client", () => {
      this.#attend();
      const { cluster, process } = this.#coordinator ?? {};
      if (process?.alive !== true) return;
      if (cluster?.ready !== true || !this.#isReachable(process)) {
        if (this.world.nowMs - this.#unreadySinceMs > UNREADY_MS_MAX) this.kill(process);
        return;
      }
      this.#unreadySinceMs = this.world.nowMs;
      const [job] = cluster.jobs;
      if (job !== undefined) this.#look(job);
      else if (!this.#submitting) this.#submit();
    });
  }

  #isReachable(process: SimulatedProcess): boolean {
    return this.#control.door?.process === process;
  }

  #submit(): void {
    const { cluster, process } = this.#coordinator ?? {};
    if (cluster === undefined || process === undefined) return;
    if (this.#jobId !== undefined) this.#problems.push(`job ${this.#jobId} was accepted and is unknown`);
    this.#submitting = true;
    const over = (): void => {
      this.#submitting = false;
    };
    // What a coordinator that dies meanwhile would have said never comes.
    process.onDeath.push(over);
    process.after(1, "a submission", () => {
      const submission = { bundle: "bundle" as BundleHash, workingDirectory: "/", slotHeapMb: undefined };
      cluster.submit(this.#run.plan, submission).then((job) => {
        this.#jobId = job.id;
        over();
        // No step of the product's, but a moment at which all may depend on what is stored.
        this.#stepReached("client.answered");
      }, over);
    });
  }

  #look(job: JobManager): void {
    if (!isFinalStatus(job.status)) {
      this.#overMs = Number.POSITIVE_INFINITY;
      return;
    }
    if (this.#overMs < Number.POSITIVE_INFINITY) return;
    this.#overMs = this.world.nowMs;
    this.#injector.end();
  }

  async #outcome(): Promise<RunOutcome> {
    const { trace } = this.world;
    const job = this.#coordinator?.cluster?.jobs[0];
    const counts = new Map(this.#injector.counts);
    counts.set(job?.status ?? "unknown", 1);
    this.#judge(job);
    const problems = [...this.#problems, ...this.#ledger.problems];
    const nothing = { rows: new Map<string, readonly string[]>(), state: [] };
    const { rows, state } =
      job === undefined || problems.length > 0
        ? nothing
        : await this.#result(job).catch((cause) => {
            problems.push(`what is left cannot be read: ${textOfError(cause)}`);
            return nothing;
          });
    // What user code has open outside of the world.
    for (const slot of this.#workers.flatMap(({ slots }) => slots)) void slot.abandon();
    const durationMs = Math.min(this.#overMs, this.world.nowMs);
    return {
      ...{ problems, rows, counts, durationMs, state, steps: this.#steps },
      ...{ trace: trace.hash, events: trace.events },
    };
  }

  async #result(job: JobManager): Promise<Pick<RunOutcome, "rows" | "state">> {
    const rows = this.#run.program.ownSinks ? await this.#collected(job) : this.#ledger.rows;
    const states = job.regions.map(async ({ index }) => finalState(await this.#checkpointsOf(`${job.id}/${index}`)));
    return { rows, state: (await Promise.all(states)).flat().sort() };
  }

  async #checkpointsOf(place: string): Promise<CheckpointStore> {
    const files = quietFiles(this.disk);
    if (!this.#run.storesInWorkers) return await openDirectoryStore(`${SHARED_FOLDER}/${place}`, files);
    return await this.#stores.left(place, await openDirectoryStore(`${DATA_FOLDER}/checkpoints/${place}`, files));
  }

  #judge(job: JobManager | undefined): void {
    if (job === undefined) this.#problems.push("the job is unknown in the end");
    else if (job.status !== "FINISHED")
      this.#problems.push(`the job is ${job.status}: ${job.record.cause?.code} ${job.record.cause?.message ?? ""}`);
    const { cluster } = this.#coordinator ?? {};
    if (job?.status !== "FINISHED" || cluster === undefined) return;
    if (cluster.openAttempts > 0) this.#problems.push(`${cluster.openAttempts} attempts are left`);
    for (const { worker, attempt } of cluster.slots.taken())
      this.#problems.push(`${worker} is still taken by ${attempt}`);
  }

  async #collected(job: JobManager): Promise<ReadonlyMap<string, readonly string[]>> {
    const results = new JobResultFiles({ folder: `${DATA_FOLDER}/results`, files: quietFiles(this.disk) });
    const sinks = Object.entries(job.record.collected);
    const rows = sinks.map(async ([sink, count]) => {
      const all = await results.read(job.id, sink, 0, count);
      return [sink, all.map(textOf).sort()] as const;
    });
    return new Map(await Promise.all(rows));
  }
}

function textOfError(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
}
