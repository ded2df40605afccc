/**
 * One attempt of a region in this worker process: the slots that its placement gives to this worker, from their
 * deployment to the end of their threads.
 *
 *   1. Its memory is attached to the exchange at once, as peers may send before the program is there.
 *   2. Each slot gets a fresh thread, so that nothing of one job's globals is left for another's.
 *   3. The bundle is got; mail for slots waits meanwhile.
 *   4. Slots of this worker talk to each other here; everything else goes to the coordinator.
 *   5. When all threads are gone, nothing of the attempt is left.
 *
 * The law: for each slot exactly one "slotEnded" is sent, as its last message.
 */

import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import type { VertexId } from "../../core/ids.ts";
import type { StateSettings } from "../../core/state-options.ts";
import type { LogLevel } from "../../core/telemetry.ts";
import { SlotSnapshots } from "../checkpoints/slot-snapshots.ts";
import { answerRead, type StoredRead } from "../checkpoints/stored-reads.ts";
import type { WorkerId } from "../cluster-ids.ts";
import type { FromWorker, RegionDeployment, ToWorker } from "../cluster-protocol.ts";
import { toErrorReport } from "../error-report.ts";
import type { AttachedRegion, Exchange } from "../exchange/link/link-contract.ts";
import { createSharedMemory } from "../exchange/shared-memory.ts";
import { faultPoint } from "../fault-point.ts";
import { dealersOf } from "../graph/dealers.ts";
import type { FromSlot, SharedMemory, SlotDeployment, ToSlot } from "../protocol.ts";
import { placeIn } from "../store-protocol.ts";
import type { BundleCache } from "./bundle-cache.ts";
import type { RunningSlot, SlotRunner } from "./slot-pool.ts";
import type { SlotThreads } from "./slot-threads.ts";
import type { SpillFolder } from "./spill-folder.ts";
import type { OpenedStore, StoreUse } from "./stores/worker-stores.ts";

export interface RegionHostOptions {
  readonly deployment: RegionDeployment;
  readonly worker: WorkerId;
  readonly exchange: Pick<Exchange, "attach">;
  readonly bundles: Pick<BundleCache, "get" | "release">;
  readonly threads: Pick<SlotThreads, "take">;
  /** Where slots put what exceeds their memory; absent: nowhere, and all state is on the heap. */
  readonly spill?: Pick<SpillFolder, "of" | "remove"> | undefined;
  /** The checkpoints at a location. */
  readonly openStore: (location: string, use?: StoreUse) => Promise<OpenedStore>;
  readonly send: (message: FromWorker) => void;
  readonly log: (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void;
}

export type EndMode = "cancel" | "stop" | "kill";

export class RegionHost {
  /** Resolves when its threads are gone and all has been told. */
  readonly ended: Promise<void>;
  readonly #options: RegionHostOptions;
  /** Of the execution graph. */
  readonly #own: readonly number[];
  readonly #memory: SharedMemory;
  readonly #attached: AttachedRegion | undefined;
  readonly #snapshots: SlotSnapshots;
  readonly #stores = new Map<string, Promise<OpenedStore>>();
  /** What it goes on from. */
  #restored: Promise<OpenedStore> | undefined;
  readonly #slots = new Map<number, RunningSlot>();
  /** What came for slots that have no thread yet, in order. */
  readonly #waiting: (readonly [slot: number, message: ToSlot])[] = [];
  #started = false;
  /** It was told to end: what has not started does not start any more. */
  #ending = false;
  #killed = false;

  /** @throws what keeps the exchange from taking it. */
  constructor(options: RegionHostOptions) {
    this.#options = options;
    const { deployment, worker, exchange } = options;
    this.#own = deployment.placement.filter((each) => each.worker === worker).map(({ slot }) => slot);
    this.#memory = createSharedMemory(deployment.executionGraph, (slot) => !this.#own.includes(slot));
    if (this.#own.length < deployment.placement.length) {
      this.#attached = exchange.attach(deployment, this.#memory, (toSlot, channel, serial, frame) =>
        this.#toOwn(toSlot, { kind: "oversize", channel, serial, frame }),
      );
    }
    this.#snapshots = this.#createSnapshots();
    this.ended = this.#run();
  }

  /** Its slots take a checkpoint. Those that have ended have said so to the coordinator, which sees what that means. */
  checkpoint({ checkpoint, full, ends, folder, copyTo }: Extract<ToWorker, { readonly kind: "checkpoint" }>): void {
    const slots = [...this.#slots.keys()];
    if (slots.length === 0) return;
    this.#snapshots.begin(checkpoint, slots, this.#store(folder, { copyTo: copyTo?.[this.#options.worker] ?? [] }));
    faultPoint("worker.checkpoint-heard");
    for (const slot of slots) this.#toOwn(slot, { kind: "checkpoint", checkpoint, full, ends });
  }

  checkpointEnded({ checkpoint, complete }: Extract<ToWorker, { readonly kind: "checkpointEnded" }>): void {
    this.#snapshots.ended(checkpoint);
    faultPoint("worker.checkpoint-ended");
    for (const slot of this.#slots.keys()) this.#toOwn(slot, { kind: "checkpointEnded", checkpoint, complete });
  }

  /** Of all that its slots share, which only the garbage collector frees. */
  get sharedBytes(): number {
    const { doorbells, pools, channels } = this.#memory;
    return [doorbells, ...pools, ...channels].reduce((sum, memory) => sum + (memory?.byteLength ?? 0), 0);
  }

  /** A message of the coordinator for one of its slots. */
  toSlot(slot: number, message: ToSlot): void {
    this.#toOwn(slot, message);
  }

  end(how: EndMode): void {
    if (how === "stop") {
      for (const slot of this.#own) this.#toOwn(slot, { kind: "stop" });
      return;
    }
    if (how === "kill") this.#killed = true;
    this.#ending = true;
    for (const [slot, { port, kill }] of this.#slots) {
      if (how === "kill") kill();
      else port.send({ kind: "cancel" });
      this.#options.log("debug", `slot ${slot + 1} was told to end: ${how}`, this.#fields);
    }
  }

  get #fields(): Readonly<Record<string, unknown>> {
    const { jobName, attempt } = this.#options.deployment;
    return { job: jobName, attempt };
  }

  async #run(): Promise<void> {
    try {
      const pools = await this.#takeThreads();
      try {
        await this.#runBundle(pools);
      } finally {
        await Promise.all(pools.map((pool) => pool.close()));
        await this.#removeSpilled();
      }
    } catch (error) {
      this.#allEnded(error);
    } finally {
      this.#attached?.close();
    }
  }

  #takeThreads(): Promise<readonly SlotRunner[]> {
    const { deployment, threads, log } = this.#options;
    return threads.take(this.#own.length, {
      slotHeapMb: deployment.slotHeapMb,
      onStrayError: (error) =>
        log("error", "an error in a thread whose slot had ended", { ...this.#fields, error: error.message }),
    });
  }

  async #runBundle(pools: readonly SlotRunner[]): Promise<void> {
    const { deployment, bundles } = this.#options;
    const url = await bundles.get(deployment.bundle);
    try {
      if (this.#ending) this.#allEnded(undefined);
      else await this.#runSlots(pools, url);
    } finally {
      bundles.release(deployment.bundle);
    }
  }

  async #runSlots(pools: readonly SlotRunner[], module: string): Promise<void> {
    const { deployment } = this.#options;
    const folder = await this.#spillFolder();
    for (const [at, pool] of pools.entries()) {
      const slot = this.#own[at] as number;
      const state = folder === undefined ? undefined : { ...folder.settings, folder: join(folder.path, String(slot)) };
      const own = { ...slotDeployment(deployment, slot, module, this.#memory), state };
      const running = pool.start(own, deployment.watchdogMs);
      running.port.onMessage((message) => this.#fromSlot(slot, message));
      this.#slots.set(slot, running);
    }
    this.#started = true;
    for (const [slot, message] of this.#waiting.splice(0)) this.#toOwn(slot, message);
    await Promise.all([...this.#slots].map(([slot, running]) => this.#untilEnded(slot, running)));
  }

  /** Where its slots spill; undefined: they do not. */
  async #spillFolder(): Promise<{ readonly settings: StateSettings; readonly path: string } | undefined> {
    const { deployment, spill } = this.#options;
    const settings = deployment.state;
    if (settings?.backend !== "level" || spill === undefined) return undefined;
    return { settings, path: await spill.of(deployment.attempt) };
  }

  /** What slots have left that were ended. */
  async #removeSpilled(): Promise<void> {
    const { deployment, spill, log } = this.#options;
    if (deployment.state?.backend !== "level") return;
    await spill?.remove(deployment.attempt).catch((cause: Error) => {
      log("warn", `what its slots had on disk cannot be deleted: ${cause.message}`, this.#fields);
    });
  }

  async #untilEnded(slot: number, running: RunningSlot): Promise<void> {
    const lost = await running.ended.then(
      () => undefined,
      (error: unknown) => (this.#killed ? killed(this.#options.deployment, slot) : error),
    );
    await running.port.closed;
    this.#slots.delete(slot);
    this.#snapshots.slotEnded(slot);
    this.#slotEnded(slot, lost);
  }

  #allEnded(error: unknown): void {
    for (const slot of this.#own) this.#slotEnded(slot, error);
  }

  #slotEnded(slot: number, error: unknown): void {
    const { attempt } = this.#options.deployment;
    const lost = error === undefined ? undefined : toErrorReport(error);
    this.#options.send({ kind: "slotEnded", attempt, slot, lost });
  }

  #fromSlot(slot: number, message: FromSlot): void {
    switch (message.kind) {
      case "oversize":
        this.#oversize(message);
        break;
      case "requestSplit": {
        const dealer = this.#ownSlotOf(message.vertex, 0);
        if (dealer === undefined) this.#toCoordinator(slot, message);
        else this.#toOwn(dealer, { ...message, kind: "dealSplit" });
        break;
      }
      case "splitDealt": {
        const reader = this.#ownSlotOf(message.vertex, message.subtask);
        if (reader === undefined) this.#toCoordinator(slot, message);
        else this.#toOwn(reader, { ...message, kind: "split" });
        break;
      }
      case "blocks":
      case "snapshotted":
        this.#snapshots.receive(slot, message);
        break;
      case "readManifest":
      case "readBlocks":
        void this.#read(slot, message);
        break;
      default:
        this.#toCoordinator(slot, message);
    }
  }

  #createSnapshots(): SlotSnapshots {
    const { deployment, worker, send } = this.#options;
    const { attempt } = deployment;
    return new SlotSnapshots({
      // Regions of one job write savepoints into the same folder, and an attempt that is over may still write.
      worker: `${worker}.${deployment.attemptNumber}.${Math.min(...this.#own)}`,
      acknowledge: (acknowledgement) => {
        try {
          send({ kind: "snapshot", attempt, ...acknowledgement });
        } catch (error) {
          send({
            kind: "snapshotDeclined",
            attempt,
            checkpoint: acknowledgement.checkpoint,
            error: toErrorReport(error),
          });
        }
      },
      decline: (checkpoint, cause) =>
        send({ kind: "snapshotDeclined", attempt, checkpoint, error: toErrorReport(cause) }),
    });
  }

  /** What is copied or read elsewhere differs from one use to the next; all others are opened once. */
  #store(location: string, use: StoreUse): Promise<OpenedStore> {
    const { openStore } = this.#options;
    if (placeIn(location) !== undefined) return openStore(location, use);
    const known = this.#stores.get(location);
    if (known !== undefined) return known;
    const opened = openStore(location);
    this.#stores.set(location, opened);
    // Whoever uses it gets the failure; the next one tries again.
    opened.catch(() => this.#stores.delete(location));
    return opened;
  }

  async #read(slot: number, message: StoredRead): Promise<void> {
    const { restore } = this.#options.deployment;
    if (restore === undefined) return;
    this.#restored ??= this.#store(restore.folder, { sources: restore.sources });
    const answer = await answerRead(this.#restored, message);
    faultPoint("worker.restore-read");
    this.#toOwn(slot, answer);
  }

  #oversize({ toSlot, channel, serial, frame }: Extract<FromSlot, { readonly kind: "oversize" }>): void {
    if (this.#own.includes(toSlot)) this.#toOwn(toSlot, { kind: "oversize", channel, serial, frame });
    else this.#attached?.oversize(channel, serial, frame);
  }

  #toCoordinator(slot: number, message: FromSlot): void {
    const { deployment, send } = this.#options;
    try {
      send({ kind: "fromSlot", attempt: deployment.attempt, slot, message });
    } catch (error) {
      // Too large for one message, for instance: the job is told, and the others go on.
      send({ kind: "fromSlot", attempt: deployment.attempt, slot, message: failed(error) });
    }
  }

  #toOwn(slot: number, message: ToSlot): void {
    const running = this.#slots.get(slot);
    if (running !== undefined) running.port.send(message);
    else if (!this.#started) this.#waiting.push([slot, message]);
  }

  #ownSlotOf(vertex: VertexId, subtask: number): number | undefined {
    const { subtasks } = this.#options.deployment.executionGraph;
    const placed = subtasks.find((each) => each.vertex === vertex && each.subtask === subtask);
    return placed !== undefined && this.#own.includes(placed.slot) ? placed.slot : undefined;
  }
}

function slotDeployment(region: RegionDeployment, slot: number, module: string, memory: SharedMemory): SlotDeployment {
  const { jobId, jobName, params, jobGraph, executionGraph, graphHash } = region;
  const { showRecordsInErrors, workingDirectory, attemptNumber } = region;
  return {
    jobId,
    jobName,
    module,
    bundled: true,
    params,
    attempt: attemptNumber,
    slot,
    jobGraph,
    executionGraph,
    graphHash,
    showRecordsInErrors,
    freeze: false,
    workingDirectory,
    enumerates: enumeratedBy(slot, region),
    printsToLog: true,
    memory,
    checkpointing: region.checkpointing,
    lineage: region.lineage,
    ...(region.restore === undefined
      ? {}
      : { restore: { checkpoint: region.restore.checkpoint, upgrade: region.restore.upgrade } }),
  };
}

function enumeratedBy(
  slot: number,
  { jobGraph, executionGraph }: Pick<RegionDeployment, "jobGraph" | "executionGraph">,
): readonly VertexId[] {
  return [...dealersOf(jobGraph, executionGraph)].filter(([, dealer]) => dealer === slot).map(([vertex]) => vertex);
}

function failed(error: unknown): FromSlot {
  return { kind: "failed", error: toErrorReport(error) };
}

function killed({ jobName }: RegionDeployment, slot: number): MillraceError {
  return new MillraceError(
    "SLOT_LOST",
    `slot ${slot + 1} of job "${jobName}" was killed, as its attempt had to end; what it had not written is lost`,
  );
}
