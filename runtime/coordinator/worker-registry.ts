/**
 * The workers of a cluster: who is a member in which epoch, their connections and heartbeats.
 *
 * The law: a message is passed on only if it came in its worker's present epoch; what goes out carries that epoch. Epochs
 * grow over all workers and all coordinators of a cluster.
 */

import { assert } from "../../core/assert.ts";
import type { Clock } from "../../core/time.ts";
import type { ClusterId, WorkerId } from "../cluster-ids.ts";
import type { Envelope, FromWorker, Greeting, ToWorker, WorkerDescription, WorkerHello } from "../cluster-protocol.ts";
import { toErrorReport } from "../error-report.ts";
import {
  absent,
  isMember,
  type Membership,
  type MembershipEvent,
  nextMembership,
  refusalOf,
  takesWork,
} from "./membership.ts";

/** A worker's connection, as the coordinator uses it. */
export interface ControlConnection {
  send(envelope: Envelope<ToWorker>): void;
  close(): void;
}

export interface Worker {
  readonly description: WorkerDescription;
  readonly epoch: number;
  readonly connection: ControlConnection;
  readonly membership: Membership;
  readonly rssBytes: number;
}

export interface RegistryOptions {
  readonly clock: Clock;
  readonly cluster: ClusterId;
  readonly version: string;
  /** Of the store: epochs of a later coordinator are larger. */
  readonly generation: number;
  readonly heartbeatEveryMs: number;
  readonly heartbeatTimeoutMs: number;
  joined(worker: Worker): void;
  lost(worker: Worker, reason: string): void;
}

/** Hellos that one coordinator can take: so many that none reaches it, so few that epochs stay exact numbers. */
const EPOCHS_A_GENERATION = 2 ** 32;

export class WorkerRegistry {
  readonly #options: RegistryOptions;
  readonly #workers = new Map<WorkerId, Worker>();
  #hellos = 0;
  #serial = 0;
  /** Messages of older epochs and of unknown workers, which count for nothing. */
  stale = 0;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Members in the order in which they joined. */
  all(): readonly Worker[] {
    return [...this.#workers.values()];
  }

  get(id: WorkerId): Worker | undefined {
    return this.#workers.get(id);
  }

  /** Those that may be given new work. */
  takers(): readonly Worker[] {
    return this.all().filter(({ membership }) => takesWork(membership));
  }

  hello(hello: WorkerHello, connection: ControlConnection): Greeting {
    const { cluster, heartbeatEveryMs, heartbeatTimeoutMs } = this.#options;
    const refusal = refusalOf(hello, this.#options);
    if (refusal !== undefined) return { kind: "refused", error: toErrorReport(refusal) };
    const id = hello.description.worker;
    const epoch = this.#nextEpoch();
    const before = this.#workers.get(id);
    const membership = this.#transition(before, { kind: "hello", epoch, nowMs: this.#now() });
    const worker: Worker = { description: hello.description, epoch, connection, membership, rssBytes: 0 };
    this.#workers.set(id, worker);
    this.#options.joined(worker);
    return { kind: "welcome", cluster, epoch, heartbeatEveryMs, heartbeatTimeoutMs };
  }

  /** The message, if it counts. */
  receive(id: WorkerId, { epoch, message }: Envelope<FromWorker>): FromWorker | undefined {
    const worker = this.#workers.get(id);
    const next = this.#transition(worker, { kind: "heard", epoch, nowMs: this.#now() });
    if (worker === undefined || next === worker.membership) return undefined;
    const rssBytes = message.kind === "heartbeat" ? message.rssBytes : worker.rssBytes;
    this.#workers.set(id, { ...worker, membership: next, rssBytes });
    return message;
  }

  /** Its connection broke, or it does not do what it is told. */
  leave(id: WorkerId, epoch: number, reason: string): void {
    this.#transition(this.#workers.get(id), { kind: "connectionLost", epoch, reason });
  }

  send(id: WorkerId, epoch: number, message: ToWorker): void {
    const worker = this.#workers.get(id);
    if (worker?.epoch === epoch) worker.connection.send({ epoch, message });
  }

  /** Sends heartbeats, and judges who has been silent for too long. */
  beat(): void {
    const serial = ++this.#serial;
    for (const worker of this.all()) {
      const next = this.#transition(worker, { kind: "tick", nowMs: this.#now() });
      if (!isMember(next)) continue;
      this.#workers.set(worker.description.worker, { ...worker, membership: next });
      worker.connection.send({ epoch: worker.epoch, message: { kind: "heartbeat", serial } });
    }
  }

  #transition(worker: Worker | undefined, event: MembershipEvent): Membership {
    const before = worker?.membership ?? absent;
    const { heartbeatTimeoutMs } = this.#options;
    const silence = { suspectAfterMs: heartbeatTimeoutMs / 2, lostAfterMs: heartbeatTimeoutMs };
    const { state, effects } = nextMembership(before, event, silence);
    for (const effect of effects) {
      if (effect.kind === "stale") this.stale++;
      else if (worker !== undefined) this.#lose(worker, effect.reason);
    }
    return state;
  }

  #lose(worker: Worker, reason: string): void {
    this.#options.lost(worker, reason);
    this.#workers.delete(worker.description.worker);
    worker.connection.close();
  }

  #nextEpoch(): number {
    this.#hellos++;
    const epoch = this.#options.generation * EPOCHS_A_GENERATION + this.#hellos;
    assert(this.#hellos < EPOCHS_A_GENERATION && Number.isSafeInteger(epoch), "a coordinator has run out of epochs");
    return epoch;
  }

  #now(): number {
    return this.#options.clock.monotonicMs();
  }
}
