/**
 * The stores of the cluster's workers as the coordinator sees them: who has which one open, what it asks of them, and who
 * takes over those whose workers are gone.
 *
 *            announced                its worker is lost
 *   unknown ──────────► served by W ────────────────────► lost by W ──a worker takes it over──► served by it
 *
 * The law: a question is answered by the membership that was asked, or fails: what comes of another epoch is dropped.
 */

import { MillraceError } from "../../core/errors.ts";
import { STORE_ANSWER_MS, STORE_FENCED_AFTER_MS, STORE_MERGE_MS } from "../../core/limits.ts";
import type { LogLevel } from "../../core/telemetry.ts";
import type { StoreId, WorkerId } from "../cluster-ids.ts";
import type { FromWorker, ToWorker } from "../cluster-protocol.ts";
import { fromErrorReport } from "../error-report.ts";
import type { AnswerOf, StoreAddress, StoreAnswer, StoreRequest } from "../store-protocol.ts";
import type { Worker } from "./worker-registry.ts";

/** What the cluster does for it. */
export interface StoresCluster {
  /** Members, in the order in which they joined. */
  readonly workers: readonly Worker[];
  send(worker: WorkerId, epoch: number, message: ToWorker): void;
  /** Whether there is such a job; what workers keep of others is deleted. */
  knows(job: string): boolean;
}

export interface ClusterStoresOptions {
  /** Monotonic. */
  nowMs(): number;
  callAfter(ms: number, callback: () => void): () => void;
  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void;
}

interface Waiting {
  readonly worker: WorkerId;
  readonly epoch: number;
  readonly settle: (answer: StoreAnswer | undefined, error: Error | undefined) => void;
}

interface Server {
  readonly worker: WorkerId;
  readonly epoch: number;
  readonly host: string;
  /** It could not answer for the store: whether it still has it is to be seen. */
  readonly doubted?: true;
}

type StoresMessage = Extract<FromWorker, { readonly kind: "storeAnswer" | "stores" }>;

export class ClusterStores {
  readonly #options: ClusterStoresOptions;
  readonly #waiting = new Map<number, Waiting>();
  /** The worker that has or had a store, the present one or the last. */
  readonly #servers = new Map<StoreId, Server>();
  /** When workers were lost that have not come back, monotonic milliseconds. */
  readonly #lostMs = new Map<WorkerId, number>();
  #cluster: StoresCluster = { workers: [], send: () => {}, knows: () => true };
  #serial = 0;

  constructor(options: ClusterStoresOptions) {
    this.#options = options;
  }

  attach(cluster: StoresCluster): void {
    this.#cluster = cluster;
  }

  get workers(): readonly Worker[] {
    return this.#cluster.workers;
  }

  /** A member's message, of its present epoch. */
  receive(worker: Worker, message: StoresMessage): void {
    if (message.kind === "stores") this.#announced(worker, message);
    else this.#waiting.get(message.serial)?.settle(message.answer, message.error && fromErrorReport(message.error));
  }

  joined({ description: { worker } }: Worker): void {
    this.#lostMs.delete(worker);
  }

  lost({ description: { worker }, epoch }: Worker): void {
    this.#lostMs.set(worker, this.#options.nowMs());
    for (const waiting of [...this.#waiting.values()])
      if (waiting.worker === worker && waiting.epoch === epoch)
        waiting.settle(undefined, notAnswered(worker, "it was lost"));
  }

  /** @throws CHECKPOINT_STORE when it does not answer, or what it failed with. */
  ask<Request extends StoreRequest>(
    { worker, epoch }: Pick<StoreAddress, "worker" | "epoch">,
    request: Request,
  ): Promise<AnswerOf<Request>> {
    const serial = ++this.#serial;
    const answered = Promise.withResolvers<AnswerOf<Request>>();
    const withinMs = request.kind === "merge" ? STORE_MERGE_MS : STORE_ANSWER_MS;
    const settle: Waiting["settle"] = (answer, error) => {
      cancel();
      this.#waiting.delete(serial);
      if (answer === undefined) answered.reject(error ?? notAnswered(worker, "it gave no answer"));
      else answered.resolve(answer as AnswerOf<Request>); // the protocol's answer to this kind
    };
    const cancel = this.#options.callAfter(withinMs, () =>
      settle(undefined, notAnswered(worker, `it did not answer in ${withinMs} ms`)),
    );
    this.#waiting.set(serial, { worker, epoch, settle });
    if (!this.#isMember(worker, epoch)) settle(undefined, notAnswered(worker, "it is not a member of the cluster"));
    else this.#cluster.send(worker, epoch, { kind: "store", serial, request });
    return answered.promise;
  }

  /** Undefined: nobody has the store. @throws as `ask`; then who has it is found out anew the next time. */
  async askServer<Request extends StoreRequest>(
    store: StoreId,
    request: Request,
  ): Promise<AnswerOf<Request> | undefined> {
    const address = await this.find(store);
    if (address === undefined) return undefined;
    try {
      return await this.ask(address, request);
    } catch (error) {
      const server = this.#servers.get(store);
      if (server?.worker === address.worker) this.#servers.set(store, { ...server, doubted: true });
      throw error;
    }
  }

  /** What all members say that can be asked. One that is lost meanwhile has nothing to say. */
  async askAll<Request extends StoreRequest>(request: Request): Promise<readonly AnswerOf<Request>[]> {
    const answers = await Promise.allSettled(this.workers.map((worker) => this.ask(addressOf(worker), request)));
    return answers.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  }

  /** Where a store can be asked; undefined: nobody has it and nobody can take it over. */
  async find(store: StoreId): Promise<StoreAddress | undefined> {
    return this.#served(store) ?? (await this.#adopted(store));
  }

  /** The machine of the worker that serves a store now; undefined: nobody does. */
  hostOf(store: StoreId): string | undefined {
    return this.#served(store) === undefined ? undefined : this.#servers.get(store)?.host;
  }

  /** In words: where a store was last. */
  whereabouts(store: StoreId): string {
    const server = this.#servers.get(store);
    return server === undefined
      ? `store ${store}`
      : `store ${store}, last of worker ${server.worker} on ${server.host}`;
  }

  #served(store: StoreId): StoreAddress | undefined {
    const server = this.#servers.get(store);
    const worker = server && this.#member(server.worker);
    const serves = worker !== undefined && worker.epoch === server?.epoch && server.doubted !== true;
    return serves ? addressOf(worker) : undefined;
  }

  /** One after the other, as it can be had by one. */
  async #adopted(store: StoreId): Promise<StoreAddress | undefined> {
    const last = this.#servers.get(store);
    const fenced = last !== undefined && this.#isFenced(last.worker) ? last.worker : undefined;
    // Those of the same machine can have its folder.
    const near = this.workers.toSorted((a, b) => distance(a, last) - distance(b, last));
    for (const worker of near) {
      const asked = this.ask(addressOf(worker), { kind: "adopt", store, fenced });
      const answer = await asked.catch(() => undefined);
      if (answer?.served !== true) continue;
      const { worker: id, host } = worker.description;
      this.#servers.set(store, { worker: id, epoch: worker.epoch, host });
      return this.#served(store);
    }
    return undefined;
  }

  #announced(worker: Worker, { stores, places }: Extract<StoresMessage, { readonly kind: "stores" }>): void {
    const { worker: id, host } = worker.description;
    for (const store of stores) this.#servers.set(store, { worker: id, epoch: worker.epoch, host });
    const gone = new Set(
      places.map((place) => place.split("/")[0] as string).filter((job) => !this.#cluster.knows(job)),
    );
    for (const job of gone) {
      this.ask(addressOf(worker), { kind: "forget", job }).catch((cause: Error) =>
        this.#options.log("warn", `what a worker keeps of a job that is gone stays: ${cause.message}`, { job }),
      );
    }
  }

  /** Whether it has been away for so long that it is not about to come back. */
  #isFenced(worker: WorkerId): boolean {
    const lostMs = this.#lostMs.get(worker);
    return lostMs !== undefined && this.#options.nowMs() - lostMs >= STORE_FENCED_AFTER_MS;
  }

  #member(id: WorkerId): Worker | undefined {
    return this.workers.find(({ description }) => description.worker === id);
  }

  #isMember(id: WorkerId, epoch: number): boolean {
    return this.#member(id)?.epoch === epoch;
  }
}

export function addressOf({ description: { worker, exchange }, epoch }: Worker): StoreAddress {
  return { worker, epoch, exchange };
}

function distance({ description }: Worker, last: Server | undefined): number {
  return description.host === last?.host ? 0 : 1;
}

function notAnswered(worker: WorkerId, why: string): MillraceError {
  return new MillraceError(
    "CHECKPOINT_STORE",
    `worker ${worker} was asked for checkpoints, and ${why}. Checkpoints that are complete are untouched`,
  );
}
