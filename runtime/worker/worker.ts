/**
 * A worker: carries out what `membership.ts` decides, and hosts the regions that its coordinator deploys. Runs in the
 * process's main thread, where no user code runs, so that heartbeats never wait.
 *
 * Connection, exchange, clock and timers come from outside (`start-worker.ts`).
 */

import { MillraceError } from "../../core/errors.ts";
import { GREETING_TIMEOUT_MS, WORKER_RETRY_MS_MAX, WORKER_RETRY_MS_MIN } from "../../core/limits.ts";
import type { LogLevel } from "../../core/telemetry.ts";
import type { Clock } from "../../core/time.ts";
import type { AttemptId, BundleHash, ClusterId, WorkerId } from "../cluster-ids.ts";
import {
  CONTROL_PROTOCOL,
  type FromWorker,
  type RegionDeployment,
  type ToWorker,
  type WorkerDescription,
} from "../cluster-protocol.ts";
import { fromErrorReport, toErrorReport } from "../error-report.ts";
import type { Exchange } from "../exchange/link/link-contract.ts";
import type { ErrorReport } from "../protocol.ts";
import type { StoreAnswer, StoreRequest } from "../store-protocol.ts";
import type { ConnectionToCoordinator, CoordinatorMessage } from "../wire/connection.ts";
import { BundleCache } from "./bundle-cache.ts";
import {
  type MembershipEffect,
  type MembershipEvent,
  type Moment,
  nextWorkerMembership,
  unconnected,
  type WorkerMembership,
} from "./membership.ts";
import { RegionHost } from "./region-host.ts";
import { SharedGarbage } from "./shared-garbage.ts";
import { SlotThreads } from "./slot-threads.ts";
import type { SpillFolder } from "./spill-folder.ts";
import type { OpenedStore, WorkerStores, WorkerStoresOptions } from "./stores/worker-stores.ts";

export interface WorkerParts {
  readonly description: WorkerDescription;
  readonly version: string;
  readonly bundleFolder: string;
  /** What slots get as environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly exchange: Pick<Exchange, "attach" | "joined" | "close">;
  /** Where slots put state that exceeds their memory; absent: all state is on the heap. */
  readonly spill?: Pick<SpillFolder, "of" | "remove" | "close"> | undefined;
  /** The worker's own checkpoints; absent: it keeps none. */
  readonly stores?: (
    announce: WorkerStoresOptions["announce"],
  ) => Pick<WorkerStores, "joined" | "open" | "answer" | "close">;
  readonly connect: () => Promise<ConnectionToCoordinator>;
  readonly clock: Clock;
  readonly callAfter: (ms: number, callback: () => void) => () => void;
  /** From 0 to 1: spreads the tries of workers that lost their coordinator together. */
  readonly random: () => number;
  readonly rssBytes: () => number;
  /** What stands for files and threads in a simulation; absent: the machine's. */
  readonly machine?: Partial<WorkerMachine>;
  readonly log: (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** What a worker has of its machine. */
export interface WorkerMachine {
  bundles(request: (hash: BundleHash) => void): Pick<BundleCache, "get" | "release" | "received" | "connectionLost">;
  readonly threads: Pick<SlotThreads, "take" | "prepare" | "endSpares">;
  /** The checkpoints in a folder. */
  readonly openStore: (folder: string) => Promise<OpenedStore>;
  readonly collectGarbage: () => void;
}

type Untimed<Event> = Event extends { readonly at: Moment } ? Omit<Event, "at"> : never;

const times = {
  retryMsMin: WORKER_RETRY_MS_MIN,
  retryMsMax: WORKER_RETRY_MS_MAX,
  greetingTimeoutMs: GREETING_TIMEOUT_MS,
};

/** Twice in the time between two heartbeats, so that none is late by more than half of it. */
const TICKS_PER_HEARTBEAT = 2;
const TICK_MS = 250;

export class Worker {
  readonly #parts: WorkerParts;
  readonly #bundles: ReturnType<WorkerMachine["bundles"]>;
  readonly #threads: WorkerMachine["threads"];
  readonly #stores: ReturnType<NonNullable<WorkerParts["stores"]>> | undefined;
  readonly #garbage: SharedGarbage;
  readonly #regions = new Map<AttemptId, RegionHost>();
  readonly #ended = Promise.withResolvers<void>();
  #state: WorkerMembership = unconnected;
  #connection: ConnectionToCoordinator | undefined;
  #cluster: ClusterId | undefined;
  #failure: Error | undefined;
  #cancelTick: () => void = () => {};
  #cancelConnect: () => void = () => {};

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    const { machine, bundleFolder: folder, callAfter } = parts;
    const request = (hash: BundleHash): void => this.#send({ kind: "bundleWanted", hash });
    this.#bundles = machine?.bundles?.(request) ?? new BundleCache({ folder, request });
    this.#threads = machine?.threads ?? new SlotThreads(parts);
    this.#stores = parts.stores?.((stores, places) => this.#send({ kind: "stores", stores, places }));
    const { collectGarbage: collect } = machine ?? {};
    this.#garbage = new SharedGarbage({ callAfter, ...(collect === undefined ? {} : { collect }) });
  }

  /** Resolves when it was shut down; rejects with what the coordinator has against it. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  get state(): WorkerMembership["kind"] {
    return this.#state.kind;
  }

  start(): void {
    this.#tick();
    this.#connectAfter(0);
  }

  shutDown(reason: string): void {
    this.#apply({ kind: "shutdown", reason });
  }

  linkLost(peer: WorkerId, attempts: readonly AttemptId[], reason: string): void {
    this.#send({ kind: "linkLost", peer, attempts, reason });
  }

  get #now(): Moment {
    const { clock } = this.#parts;
    return { monotonicMs: clock.monotonicMs(), wallMs: clock.now() };
  }

  #tick(): void {
    this.#apply({ kind: "tick" });
    if (this.#state.kind === "ended") return;
    const ms = this.#state.kind === "active" ? this.#state.everyMs / TICKS_PER_HEARTBEAT : TICK_MS;
    this.#cancelTick = this.#parts.callAfter(ms, () => this.#tick());
  }

  /** Whether the event counted: nothing of another epoch does, nor what comes after too long a silence. */
  #apply(event: Untimed<MembershipEvent>): boolean {
    const before = this.#state;
    const timed = { ...event, at: this.#now } as MembershipEvent;
    const { state, effects } = nextWorkerMembership(before, timed, times);
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
    return state.kind === before.kind && !effects.some((effect) => effect.kind === "stale");
  }

  #carryOut(effect: MembershipEffect): void {
    const { log, exchange, rssBytes } = this.#parts;
    switch (effect.kind) {
      case "fence":
        log(this.#state.kind === "ended" ? "info" : "warn", "the worker leaves the cluster, and its slots are ended", {
          reason: effect.reason,
          epoch: effect.epoch,
        });
        void this.#fence();
        break;
      case "connect":
        this.#connectAfter(effect.afterMs);
        break;
      case "hello":
        this.#sayHello();
        break;
      case "join":
        this.#cluster = effect.welcome.cluster;
        exchange.joined(effect.welcome.cluster, effect.welcome.epoch);
        this.#stores?.joined(effect.welcome.cluster);
        log("info", "the worker has joined the cluster", { cluster: this.#cluster, epoch: effect.welcome.epoch });
        break;
      case "heartbeat":
        this.#send({ kind: "heartbeat", serial: effect.serial, rssBytes: rssBytes() });
        break;
      case "disconnect":
        this.#disconnect(effect.reason);
        break;
      case "stale":
        log("debug", "a message of another epoch was dropped", {});
        break;
      case "end":
        void this.#end(effect.reason, effect.failed);
        break;
    }
  }

  /** Slots first; what waits for the coordinator will not be answered. */
  async #fence(): Promise<void> {
    for (const region of this.#regions.values()) region.end("kill");
    this.#bundles.connectionLost();
    await this.#allEnded();
    this.#apply({ kind: "fenced" });
  }

  async #allEnded(): Promise<void> {
    await Promise.all([this.#threads.endSpares(), ...[...this.#regions.values()].map((region) => region.ended)]);
  }

  #connectAfter(afterMs: number): void {
    this.#cancelConnect = this.#parts.callAfter(afterMs * (0.5 + this.#parts.random() / 2), () => void this.#connect());
  }

  async #connect(): Promise<void> {
    let connection: ConnectionToCoordinator;
    try {
      connection = await this.#parts.connect();
    } catch (error) {
      this.#connectFailed(error as Error);
      return;
    }
    if (this.#state.kind !== "connecting") {
      connection.destroy();
      return;
    }
    this.#connection = connection;
    connection.onMessage((message) => {
      if (this.#connection === connection) this.#receive(message);
    });
    void connection.closed.then(({ message }) => {
      if (this.#connection !== connection) return;
      this.#connection = undefined;
      this.#apply({ kind: "disconnected", reason: message });
    });
    this.#apply({ kind: "connected" });
  }

  #connectFailed(error: Error): void {
    const final = this.#cluster === undefined && isFinal(error);
    if (final) this.#failure = error;
    this.#parts.log(final ? "error" : "warn", "the worker cannot connect to its coordinator", { error: error.message });
    this.#apply({ kind: "connectFailed", reason: error.message, final });
  }

  #disconnect(reason: string): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.close(reason);
  }

  #sayHello(): void {
    const { version, description } = this.#parts;
    const cluster = this.#cluster === undefined ? {} : { cluster: this.#cluster };
    this.#connection?.send({ kind: "hello", protocol: CONTROL_PROTOCOL, version, description, ...cluster });
  }

  #send(message: FromWorker): void {
    if (this.#state.kind === "active") this.#connection?.send({ epoch: this.#state.epoch, message });
  }

  #receive(message: CoordinatorMessage): void {
    if ("kind" in message) {
      if (message.kind === "welcome") this.#apply({ kind: "welcome", welcome: message });
      else {
        this.#failure = fromErrorReport(message.error);
        this.#apply({ kind: "refused", reason: message.error.message });
      }
    } else if (this.#apply({ kind: "heard", epoch: message.epoch })) this.#follow(message.message);
  }

  #follow(message: ToWorker): void {
    switch (message.kind) {
      case "heartbeat":
        break;
      case "prepare":
        void this.#threads.prepare(Math.min(message.slots, this.#parts.description.slots));
        break;
      case "deploy":
        this.#deploy(message.deployment);
        break;
      case "bundle":
        this.#bundles.received(message.hash, message.code);
        break;
      case "toSlot":
        this.#regions.get(message.attempt)?.toSlot(message.slot, message.message);
        break;
      case "checkpoint":
        this.#regions.get(message.attempt)?.checkpoint(message);
        break;
      case "checkpointEnded":
        this.#regions.get(message.attempt)?.checkpointEnded(message);
        break;
      case "end":
        this.#regions.get(message.attempt)?.end(message.how);
        break;
      case "store":
        void this.#askStores(message.serial, message.request);
        break;
      case "shutdown":
        this.shutDown(message.reason);
        break;
    }
  }

  #deploy(deployment: RegionDeployment): void {
    const { description, exchange, log } = this.#parts;
    const { attempt } = deployment;
    if (this.#regions.has(attempt) || this.#state.kind !== "active") return;
    const { epoch } = this.#state;
    // What the attempt says later belongs to the epoch in which it was deployed.
    const send = (message: FromWorker): void => {
      if (this.#state.kind === "active" && this.#state.epoch === epoch) this.#send(message);
    };
    try {
      const region = new RegionHost({
        deployment,
        worker: description.worker,
        exchange,
        bundles: this.#bundles,
        threads: this.#threads,
        spill: this.#parts.spill,
        openStore: (location, use) =>
          this.#parts.machine?.openStore?.(location) ?? this.#stores?.open(location, use) ?? openStore(location),
        send,
        log,
      });
      this.#regions.set(attempt, region);
      void region.ended.then(() => {
        this.#regions.delete(attempt);
        this.#garbage.add(region.sharedBytes);
      });
    } catch (error) {
      const own = deployment.placement.filter(({ worker }) => worker === description.worker);
      for (const { slot } of own) send({ kind: "slotEnded", attempt, slot, lost: toErrorReport(error) });
    }
  }

  async #askStores(serial: number, request: StoreRequest): Promise<void> {
    const asked = this.#state.kind === "active" ? this.#state.epoch : undefined;
    const reply = (answer: StoreAnswer | undefined, error: ErrorReport | undefined): void => {
      // Who has asked in an earlier epoch does not wait any more.
      if (this.#state.kind === "active" && this.#state.epoch === asked)
        this.#send({ kind: "storeAnswer", serial, answer, error });
    };
    try {
      if (this.#stores === undefined) throw new MillraceError("CHECKPOINT_STORE", "this worker keeps no checkpoints");
      reply(await this.#stores.answer(request), undefined);
    } catch (cause) {
      reply(undefined, toErrorReport(cause));
    }
  }

  async #end(reason: string, failed: boolean): Promise<void> {
    this.#cancelTick();
    this.#cancelConnect();
    await this.#allEnded();
    this.#garbage.close();
    await this.#stores?.close();
    await this.#parts.spill?.close();
    await this.#parts.exchange.close();
    this.#parts.log(failed ? "error" : "info", "the worker has ended", { reason });
    if (failed) this.#ended.reject(this.#failure ?? new MillraceError("WORKER_REFUSED", reason));
    else this.#ended.resolve();
  }
}

/** Loaded with the first checkpoint only: an idle worker is small. */
async function openStore(location: string): Promise<OpenedStore> {
  const { openCheckpointStore } = await import("../checkpoints/open-store.ts");
  return openCheckpointStore(location);
}

const finalCodes: ReadonlySet<string> = new Set([
  "UNAUTHORIZED",
  "FORBIDDEN",
  "NOT_A_COORDINATOR",
  "TLS",
  "INSECURE",
  "BAD_OPTION",
]);

/** Whether another try of a worker that was never a member gives the same: it was started wrongly. */
function isFinal(error: Error): boolean {
  return error instanceof MillraceError && finalCodes.has(error.code);
}
