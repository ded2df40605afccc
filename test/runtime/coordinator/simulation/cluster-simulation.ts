/**
 * A whole cluster in virtual time: a coordinator that restarts, workers that crash, hang and come back, connections that
 * break. A seed gives one run, always the same. What is wrong comes back as sentences.
 */

import type { JobId } from "../../../../runtime/cluster-ids.ts";
import { Cluster } from "../../../../runtime/coordinator/cluster.ts";
import { isFinalStatus } from "../../../../runtime/coordinator/job-life.ts";
import type { JobRecord } from "../../../../runtime/coordinator/job-record.ts";
import type { PlannedJob } from "../../../../runtime/planned-job.ts";
import { oneRegion, plannedJob, twoRegions } from "../fixtures/planned-jobs.ts";
import { type Chances, type CoordinatorDoor, FakeWorker, SPLITS } from "./fake-worker.ts";
import { MemoryDisk } from "./memory-store.ts";
import { World } from "./world.ts";

const patient = { kind: "exponentialBackoff", initial: "100ms", max: "2s" } as const;
const zone = { zone: "a" };

const checkpoints = { intervalMs: 300, timeoutMs: 3000, minPauseMs: 0, tolerated: 3, retained: 2 };

const plans: readonly PlannedJob[] = [
  plannedJob(oneRegion, 1, { restart: patient }),
  plannedJob(oneRegion, 3, { restart: patient }),
  plannedJob(twoRegions, 2, { restart: patient }),
  plannedJob(oneRegion, 2, { restart: patient, slotLabels: [zone, {}] }),
  plannedJob(oneRegion, 2, { restart: patient, checkpoints }),
  plannedJob(twoRegions, 2, { restart: patient, checkpoints }),
];

/** "asked": to end, of a coordinator that has not stored that yet, and may never do so. */
type Wish = "run" | "asked" | "cancel" | "stop";

export class ClusterSimulation {
  readonly #world: World;
  readonly #disk: MemoryDisk;
  readonly #problems: string[] = [];
  readonly #wishes = new Map<JobId, { readonly plan: PlannedJob; wish: Wish }>();
  readonly #workers: FakeWorker[] = [];
  readonly #deployed = new Set<string>();
  #cluster: Cluster | undefined;
  #coordinators = 0;
  #jobs = 0;
  #chances: Chances = {
    ...{ slotFails: 0.02, slotLost: 0.02, slotDeaf: 0.1 },
    ...{ checkpointLost: 0.03, checkpointDeclined: 0.03 },
  };
  #submitting = 0;
  /** How often each fault and outcome happened. */
  readonly counts = new Map<string, number>();

  constructor(seed: number) {
    this.#world = new World(seed);
    this.#disk = new MemoryDisk(this.#world);
  }

  async run(): Promise<readonly string[]> {
    const startMs = this.#world.clock.now();
    this.#startCoordinator();
    for (let worker = 0; worker < 3; worker++) this.#startWorker(worker);
    for (let job = this.#world.between(2, 5); job > 0; job--) this.#submitLater(this.#world.between(0, 20_000));
    // Now and then a storm.
    const faults = this.#world.chance(0.2) ? this.#world.between(15, 40) : this.#world.between(0, 8);
    for (let fault = faults; fault > 0; fault--) {
      this.#world.after(this.#world.between(0, 40_000), () => this.#fault());
    }
    await this.#world.run(startMs + 45_000);
    this.#chances = { slotFails: 0, slotLost: 0, slotDeaf: 0, checkpointLost: 0, checkpointDeclined: 0 };
    await this.#world.run(startMs + 1_800_000, () => this.#allOver());
    // What is still on its way arrives, and changes nothing.
    await this.#world.run(this.#world.clock.now() + 60_000);
    this.#checkEnd();
    return this.#problems;
  }

  #count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  #startCoordinator(): void {
    const number = ++this.#coordinators;
    const { store, results, logs, storage } = this.#disk.open(() => this.#coordinators !== number);
    const cluster = new Cluster({
      ...{ store, results, logs, storage, version: "sim", clock: this.#world.clock },
      random: () => this.#world.random.next(),
      callAfter: this.#world.after,
      newJobId: () => `job-${++this.#jobs}` as JobId,
      readBundle: () => Promise.resolve(undefined),
      log: () => {},
      jobDeleted: () => this.#problems.push("a job was deleted"),
      heartbeatEveryMs: 500,
      heartbeatTimeoutMs: 3000,
      slotTimeoutMs: 1_700_000,
      times: { deployTimeoutMs: 20_000, stopGraceMs: 1000, killGraceMs: 1000 },
    });
    this.#world.after(this.#world.between(0, 300), () => {
      if (this.#coordinators !== number) return;
      cluster.recover().catch((cause: Error) => this.#problems.push(`recovery failed: ${cause.stack}`));
      this.#cluster = cluster;
    });
    this.#watch(cluster, number);
  }

  #watch(cluster: Cluster, number: number): void {
    this.#world.after(250, () => {
      if (this.#coordinators !== number) return;
      if (cluster.ready) this.#checkNow(cluster);
      this.#watch(cluster, number);
    });
  }

  #restartCoordinator(): void {
    // Killed: it says nothing to anybody. Its timers are the world's, so it is also told to do nothing any more.
    this.#cluster?.close();
    this.#cluster = undefined;
    for (const worker of this.#workers) worker.cutConnection();
    this.#startCoordinator();
  }

  #door(): CoordinatorDoor {
    const cluster = this.#cluster;
    return {
      hello: (hello, connection) => (cluster?.ready === true ? cluster.workerSaysHello(hello, connection) : undefined),
      // Of one that has ended, nobody listens.
      receive: (worker, envelope) => {
        if (cluster !== undefined && cluster === this.#cluster) cluster.receive(worker, envelope);
      },
      connectionLost: (worker, epoch) => {
        if (cluster !== undefined && cluster === this.#cluster) cluster.connectionLost(worker, epoch);
      },
    };
  }

  #startWorker(place: number): void {
    const labels = place === 0 ? zone : {};
    const id = `worker-${place}-${this.#workers.length}`;
    const worker = new FakeWorker(
      id,
      3,
      labels,
      this.#world,
      () => this.#door(),
      () => this.#chances,
      (folder) => this.#disk.checkpointsIn(folder),
    );
    worker.onDeployed = (attempt, slot) => {
      const name = `${attempt}#${slot}`;
      if (this.#deployed.has(name)) this.#problems.push(`${name} was deployed twice`);
      this.#deployed.add(name);
    };
    this.#workers.push(worker);
  }

  #submitLater(ms: number): void {
    this.#submitting++;
    this.#world.after(ms, () => {
      const cluster = this.#cluster;
      if (cluster?.ready !== true) {
        this.#submitting--;
        this.#submitLater(500);
        return;
      }
      const plan = this.#world.random.pick(plans);
      const submission = { bundle: "bundle" as never, workingDirectory: "/", slotHeapMb: undefined };
      cluster.submit(plan, submission).then(
        (job) => {
          this.#submitting--;
          this.#wishes.set(job.id, { plan, wish: "run" });
          if (this.#world.chance(0.3)) this.#endLater(job.id, this.#world.chance(0.5) ? "cancel" : "stop");
        },
        (cause: Error) => this.#problems.push(`a submission failed: ${cause.stack}`),
      );
      // A coordinator that ends meanwhile never answers; whoever submitted tries again.
      const coordinator = this.#coordinators;
      this.#world.after(1000, () => {
        if (this.#coordinators !== coordinator && this.#submitting > 0) this.#submitting = 0;
      });
    });
  }

  #endLater(id: JobId, wish: "cancel" | "stop"): void {
    this.#world.after(this.#world.between(0, 10_000), () => {
      const wished = this.#wishes.get(id);
      const job = this.#cluster?.job(id);
      if (job === undefined || wished === undefined) this.#endLater(id, wish);
      else if (wish === "cancel" ? job.cancel() : job.stop()) {
        wished.wish = "asked";
        job.stored().then(
          () => {
            wished.wish = wish;
          },
          (cause: Error) => this.#problems.push(`a wish was not stored: ${cause.stack}`),
        );
      }
    });
  }

  #fault(): void {
    const living = this.#workers.filter((worker) => worker.alive);
    if (living.length === 0) return;
    const worker = this.#world.random.pick(living);
    const kind = this.#world.random.pick(["crash", "hang", "cut", "link", "coordinator"] as const);
    this.#count(kind);
    switch (kind) {
      case "crash": {
        worker.crash();
        const place = Number(worker.id.split("-")[1]);
        this.#world.after(this.#world.between(500, 5000), () => this.#startWorker(place));
        break;
      }
      case "hang":
        worker.hang(this.#world.between(500, 15_000));
        break;
      case "cut":
        worker.cutConnection();
        break;
      case "link":
        worker.loseLink(this.#world.random.pick(living).id);
        break;
      case "coordinator":
        this.#restartCoordinator();
        break;
    }
  }

  #allOver(): boolean {
    const cluster = this.#cluster;
    if (cluster?.ready !== true || this.#submitting > 0) return false;
    return cluster.jobs.every((job) => isFinalStatus(job.status));
  }

  /** At any time: a slot has one attempt, and what runs has all its slots. */
  #checkNow(cluster: Cluster): void {
    const taken = cluster.slots.taken().map(({ attempt, slot }) => `${attempt}#${slot}`);
    if (new Set(taken).size !== taken.length) this.#problems.push("a slot of a job is on two workers");
    for (const job of cluster.jobs) {
      for (const { index, slots } of job.regions) {
        const life = job.life.regions[index];
        if (life?.phase !== "running" && life?.phase !== "deploying") continue;
        const open = slots.filter((_, at) => life.slots[at] !== "ended");
        const missing = open.filter((slot) => !taken.includes(`${job.id}/${index}/${life.attempt}#${slot}`));
        if (missing.length > 0)
          this.#problems.push(`${job.id}: region ${index} ${life.phase} without slots ${missing}`);
      }
    }
  }

  #checkEnd(): void {
    const cluster = this.#cluster as Cluster;
    this.#count("stale messages", cluster.staleMessages);
    for (const job of cluster.jobs) {
      this.#checkJob(job.record);
      // Of its last coordinator only.
      this.#count("restored", job.checkpoints.stats.counts.restored);
      this.#count("checkpoints", job.checkpoints.stats.counts.completed);
      this.#count("failed checkpoints", job.checkpoints.stats.counts.failed);
    }
    for (const id of this.#wishes.keys()) {
      if (cluster.job(id) === undefined) this.#problems.push(`${id} was accepted and is unknown`);
    }
    if (cluster.openAttempts > 0) this.#problems.push(`${cluster.openAttempts} attempts are left`);
    for (const { worker, attempt } of cluster.slots.taken())
      this.#problems.push(`${worker} is still taken by ${attempt}`);
    if (cluster.workers.length !== 3) this.#problems.push(`there are ${cluster.workers.length} workers`);
    for (const worker of this.#workers.filter(({ alive }) => alive)) {
      if (worker.busySlots > 0) this.#problems.push(`${worker.id} still runs ${worker.attempts()}`);
    }
    const epochs = this.#workers.map(({ seenEpochs }) => seenEpochs);
    if (new Set(epochs.flat()).size !== epochs.flat().length) this.#problems.push("an epoch was given twice");
    for (const own of epochs) {
      if (own.some((epoch, at) => epoch <= (own[at - 1] ?? 0))) this.#problems.push("an epoch went back");
    }
  }

  #checkJob({ id, status, cause, regions, exceptions }: JobRecord): void {
    const { wish = "run", plan } = this.#wishes.get(id) ?? {};
    this.#count(status);
    this.#count(
      "restarts",
      regions.reduce((sum, region) => sum + region.restarts, 0),
    );
    this.#count(
      "attempts",
      regions.reduce((sum, region) => sum + region.attempt, 0),
    );
    for (const { error } of exceptions.entries) this.#count(error.code ?? error.name);
    const fine = {
      run: ["FINISHED"],
      asked: ["FINISHED", "CANCELED", "FAILED"],
      cancel: ["CANCELED"],
      stop: ["FINISHED", "CANCELED", "FAILED"],
    };
    if (!fine[wish].includes(status)) this.#problems.push(`${id} is ${status}, wish ${wish}: ${cause?.message}`);
    if (this.#disk.jobs.get(id)?.record.status !== status) this.#problems.push(`${id} is ${status} only in memory`);
    if (wish !== "run" || plan === undefined) return;
    for (const { id: source } of plan.jobGraph.vertices.filter((vertex) => vertex.id.startsWith("source"))) {
      const rows = this.#disk.rows.get(`${id}/rows-of-${source}`) ?? [];
      const expected = Array.from({ length: SPLITS }, (_, split) => split);
      if (JSON.stringify([...rows].sort()) !== JSON.stringify(expected)) {
        this.#problems.push(`${id}: the rows of ${source} are ${JSON.stringify(rows)}`);
      }
    }
  }
}
