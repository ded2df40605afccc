/** A worker process of a simulated cluster: the worker and its exchange of production, over a simulated machine. */

import type { Job } from "../../../core/job.ts";
import type { BundleHash, WorkerId } from "../../cluster-ids.ts";
import { WorkerExchange } from "../../exchange/link/worker-exchange.ts";
import type { SlotDeployment } from "../../protocol.ts";
import { openCheckpoint } from "../../state/checkpoint-reader.ts";
import { openDirectoryStore } from "../../state/directory-store.ts";
import { mergeBlocks, writtenBy } from "../../state/merge-checkpoint.ts";
import { WorkerStores, type WorkerStoresOptions } from "../../worker/stores/worker-stores.ts";
import { Worker, type WorkerMachine } from "../../worker/worker.ts";
import type { ControlNetwork } from "./control-network.ts";
import type { Disk } from "./disk.ts";
import { filesOf } from "./disk-files.ts";
import type { HostStores } from "./host-stores.ts";
import type { LinkSockets } from "./link-network.ts";
import type { SimulatedProcess } from "./process.ts";
import { type SimulatedSlot, SimulatedSlots } from "./slots.ts";

export interface SimulatedWorkerParts {
  readonly process: SimulatedProcess;
  readonly slots: number;
  /** The program as this process runs it. */
  readonly job: Job;
  readonly disk: Disk;
  readonly stores: HostStores;
  /** Ends the process of a worker that was fenced. */
  readonly fence: (worker: WorkerId) => boolean;
  /** A slot begins. */
  readonly started: (deployment: SlotDeployment) => void;
  readonly control: ControlNetwork;
  readonly links: LinkSockets;
  readonly version: string;
  /** It has ended by itself, or cannot start. */
  readonly ended: (why: Error | undefined) => void;
}

const TOKEN = "simulated";
const MEMORY_BYTES = 2 ** 30;

export class SimulatedWorker {
  readonly process: SimulatedProcess;
  readonly #slots: SimulatedSlots[] = [];

  constructor(parts: SimulatedWorkerParts) {
    this.process = parts.process;
    this.#start(parts).catch(parts.ended);
  }

  get slots(): readonly SimulatedSlot[] {
    return this.#slots.flatMap(({ all }) => all);
  }

  async #start(parts: SimulatedWorkerParts): Promise<void> {
    const { process, slots, control, links, version, ended } = parts;
    const id = process.name as WorkerId;
    const { clock, callAfter, world, host } = process;
    const exchange = new WorkerExchange({
      worker: id,
      token: TOKEN,
      listen: { kind: "tcp", host: host.name },
      log: () => {},
      onLinkLost: (peer, attempts, reason) => worker.linkLost(peer, attempts, reason),
      onStoresConnection: (connection) => stores?.serve(connection),
      callAfter,
      waits: {
        soon: (act) => void process.after(0, "exchange", act),
        rung: (doorbell, count) =>
          new Promise((resolve) => {
            const isRung = (): boolean => doorbell.prepareSleep() !== count;
            process.sleep(isRung, () => void process.after(0, "exchange is rung", resolve));
          }),
      },
      network: links.of(process),
    });
    let stores: WorkerStores | undefined;
    const address = await exchange.listen();
    const description = { worker: id, host: host.name, pid: 1, slots, labels: {}, memoryBytes: MEMORY_BYTES };
    const worker: Worker = new Worker({
      description: { ...description, exchange: address },
      version,
      bundleFolder: "",
      env: {},
      exchange,
      stores: (announce) => {
        stores = this.#stores(parts, id, exchange, announce);
        return stores;
      },
      connect: () => control.connect(process),
      clock,
      callAfter,
      random: () => world.random.next(),
      rssBytes: () => 0,
      machine: this.#machine(parts),
      log: () => {},
    });
    worker.ended.then(() => ended(undefined), ended);
    worker.start();
  }

  #stores(
    { process, disk, stores, fence }: SimulatedWorkerParts,
    worker: WorkerId,
    exchange: WorkerExchange,
    announce: WorkerStoresOptions["announce"],
  ): WorkerStores {
    return new WorkerStores({
      ...{ folder: "", worker, exchange, callAfter: process.callAfter, announce, log: () => {} },
      machine: {
        folders: (changed) => stores.of(process, changed, fence),
        open: (location) => openDirectoryStore(location, filesOf(process, disk)),
        merge: async (store, { name, worker: writer, ownOnly }) => {
          const checkpoint = await openCheckpoint(store, name);
          return await mergeBlocks(store, ownOnly ? writtenBy(checkpoint, writer) : checkpoint, { worker: writer });
        },
      },
    });
  }

  #machine({ process, job, started }: SimulatedWorkerParts): Partial<WorkerMachine> {
    return {
      bundles: (request) => new Bundles(request),
      collectGarbage: () => {},
      threads: {
        take: async (count) =>
          Array.from({ length: count }, () => {
            const slots = new SimulatedSlots(process, job, started);
            this.#slots.push(slots);
            return slots;
          }),
        prepare: async () => {},
        endSpares: async () => {},
      },
    };
  }
}

/** A worker's copies of programs: asked for once. What they hold is no matter, as every process has the program itself. */
class Bundles {
  readonly #request: (hash: BundleHash) => void;
  readonly #known = new Map<BundleHash, PromiseWithResolvers<string>>();

  constructor(request: (hash: BundleHash) => void) {
    this.#request = request;
  }

  get(hash: BundleHash): Promise<string> {
    const known = this.#known.get(hash);
    if (known !== undefined) return known.promise;
    const asked = Promise.withResolvers<string>();
    this.#known.set(hash, asked);
    this.#request(hash);
    return asked.promise;
  }

  release(): void {}

  received(hash: BundleHash, code: Uint8Array | undefined): void {
    const asked = this.#known.get(hash);
    if (code === undefined) this.#forget(hash, new Error("the coordinator does not have it"));
    else asked?.resolve("simulated");
  }

  connectionLost(): void {
    for (const hash of [...this.#known.keys()]) this.#forget(hash, new Error("the coordinator is gone"));
  }

  #forget(hash: BundleHash, why: Error): void {
    const asked = this.#known.get(hash);
    this.#known.delete(hash);
    asked?.promise.catch(() => {});
    asked?.reject(why);
  }
}
