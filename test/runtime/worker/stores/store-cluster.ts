/** Workers as far as their stores go: real LevelDBs, real sockets between them, and the coordinator's view of them in this process. */

import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { ClusterId, StoreId, WorkerId } from "../../../../runtime/cluster-ids.ts";
import type { ExchangeAddress, FromWorker } from "../../../../runtime/cluster-protocol.ts";
import { ClusterStores } from "../../../../runtime/coordinator/cluster-stores.ts";
import type { Worker } from "../../../../runtime/coordinator/worker-registry.ts";
import { copiesOf, WorkersStore } from "../../../../runtime/coordinator/workers-store.ts";
import { toErrorReport } from "../../../../runtime/error-report.ts";
import { WorkerExchange } from "../../../../runtime/exchange/link/worker-exchange.ts";
import { type CheckpointManifest, encodeManifest, manifestCrc } from "../../../../runtime/state/checkpoint-manifest.ts";
import { type CheckpointName, checkpointName } from "../../../../runtime/state/checkpoint-store.ts";
import { CheckpointWriter } from "../../../../runtime/state/checkpoint-writer.ts";
import { openDirectoryStore } from "../../../../runtime/state/directory-store.ts";
import { createMemoryBackend } from "../../../../runtime/state/memory-backend.ts";
import { type StoreAddress, workersLocation } from "../../../../runtime/store-protocol.ts";
import { WorkerStores } from "../../../../runtime/worker/stores/worker-stores.ts";

export const cluster = "cluster" as ClusterId;
export const PLACE = "job/0";
export const KEY_GROUPS = 8;

const callAfter = (ms: number, callback: () => void) => {
  const timer = setTimeout(callback, ms).unref();
  return () => clearTimeout(timer);
};

export class StoreWorker {
  readonly id: WorkerId;
  readonly host: string;
  readonly stores: WorkerStores;
  readonly exchange: WorkerExchange;
  readonly announced: { readonly stores: readonly StoreId[]; readonly places: readonly string[] }[] = [];
  address: ExchangeAddress = { kind: "unix", path: "" };
  onAnnounce: (message: Extract<FromWorker, { readonly kind: "stores" }>) => void = () => {};

  constructor(id: string, host: string, data: string, sockets: string) {
    this.id = id as WorkerId;
    this.host = host;
    this.exchange = new WorkerExchange({
      ...{ worker: this.id, token: "token", listen: { kind: "unix", folder: sockets }, log: () => {} },
      onLinkLost: () => {},
      onStoresConnection: (connection) => this.stores.serve(connection),
    });
    this.stores = new WorkerStores({
      ...{ folder: join(data, "stores"), worker: this.id, exchange: this.exchange, callAfter, log: () => {} },
      announce: (stores, places) => {
        this.announced.push({ stores, places });
        this.onAnnounce({ kind: "stores", stores, places });
      },
    });
  }

  async start(): Promise<this> {
    this.address = await this.exchange.listen();
    this.exchange.joined(cluster, 1);
    this.stores.joined(cluster);
    return this;
  }

  get place(): StoreAddress {
    return { worker: this.id, epoch: 1, exchange: this.address };
  }

  async close(): Promise<void> {
    await this.stores.close();
    await this.exchange.close();
  }
}

export class StoreCluster {
  readonly folder: string;
  readonly jobs = new Set(["job"]);
  readonly workers: StoreWorker[] = [];
  nowMs = 0;
  readonly stores: ClusterStores = new ClusterStores({ nowMs: () => this.nowMs, callAfter, log: () => {} });

  constructor(folder: string) {
    this.folder = folder;
    const seen = (): readonly Worker[] => this.workers.map((worker) => this.#seen(worker));
    this.stores.attach({
      get workers() {
        return seen();
      },
      send: (id, _, message) => {
        const worker = this.workers.find((each) => each.id === id);
        if (worker === undefined || message.kind !== "store") return;
        const { serial, request } = message;
        const reply = (answer: Extract<FromWorker, { readonly kind: "storeAnswer" }>) =>
          this.workers.includes(worker) && this.stores.receive(this.#seen(worker), answer);
        worker.stores.answer(request).then(
          (answer) => reply({ kind: "storeAnswer", serial, answer, error: undefined }),
          (error) => reply({ kind: "storeAnswer", serial, answer: undefined, error: toErrorReport(error) }),
        );
      },
      knows: (job) => this.jobs.has(job),
    });
    onTestFinished(async () => {
      for (const worker of [...this.workers]) await this.lose(worker);
    });
  }

  /** Workers of one host share its data folder. */
  async worker(id: string, host: string): Promise<StoreWorker> {
    const worker = new StoreWorker(id, host, join(this.folder, host), join(this.folder, "run"));
    worker.onAnnounce = (message) => {
      if (this.workers.includes(worker)) this.stores.receive(this.#seen(worker), message);
    };
    this.workers.push(worker);
    await worker.start();
    this.stores.joined(this.#seen(worker));
    return worker;
  }

  /** Says which stores it has, rightly or not. */
  announces(worker: StoreWorker, stores: readonly StoreId[]): void {
    this.stores.receive(this.#seen(worker), { kind: "stores", stores, places: [] });
  }

  async lose(worker: StoreWorker): Promise<void> {
    this.workers.splice(this.workers.indexOf(worker), 1);
    this.stores.lost(this.#seen(worker));
    await worker.close();
  }

  /** What the coordinator has of the region. */
  async region(copies = 2): Promise<WorkersStore> {
    return new WorkersStore({
      place: PLACE,
      stores: this.stores,
      own: await openDirectoryStore(join(this.folder, "coordinator")),
      copyTo: ({ worker }) => copiesOf(this.stores, worker, copies),
      copies,
      copyFailed: () => {},
    });
  }

  #seen({ id, host, address }: StoreWorker): Worker {
    const description = { worker: id, host, pid: 1, slots: 1, labels: {}, memoryBytes: 0, exchange: address };
    const membership = { kind: "active", epoch: 1, heardMs: 0 } as const;
    return { description, epoch: 1, connection: { send: () => {}, close: () => {} }, membership, rssBytes: 0 };
  }
}

/** One worker's share of a job whose state is a number by key: its blocks of one checkpoint after the other. */
export class Share {
  readonly #backend;
  readonly #worker: StoreWorker;
  readonly writer: string;

  constructor(worker: StoreWorker, first: number, last: number) {
    this.#worker = worker;
    this.writer = `${worker.id}.1.${first}`;
    this.#backend = createMemoryBackend({ operator: "count", keyGroups: { first, last }, keyGroupCount: KEY_GROUPS });
  }

  /** Keys that are not its own are left out. */
  set(keys: readonly number[], value: number): void {
    const pane = this.#backend.table("count", { numbers: 1, values: false }).pane(0);
    for (const key of keys) {
      try {
        const slot = pane.slotOf(key);
        (pane.numbers[0] as Float64Array)[slot] = value;
      } catch {
        // Of another worker's key groups.
      }
    }
  }

  async write(checkpoint: number, copyTo: readonly StoreAddress[]) {
    const store = await this.#worker.stores.open(workersLocation(PLACE), { copyTo });
    const writer = new CheckpointWriter(store, checkpointName(checkpoint), this.writer);
    const capture = this.#backend.capture(checkpoint);
    while (!capture.done) {
      const block = capture.step();
      if (block !== undefined) writer.add("count", block);
    }
    await writer.flush();
    this.#backend.confirm(checkpoint);
    return { written: writer.records(), holders: store.holders ?? [] };
  }
}

/** Writes a checkpoint of several shares. @returns its link for those that build on it. */
export async function writeCheckpoint(
  region: WorkersStore,
  checkpoint: number,
  chain: CheckpointManifest["chain"],
  shares: readonly (readonly [Share, readonly StoreAddress[]])[],
): Promise<CheckpointManifest["chain"][number]> {
  const parts = await Promise.all(shares.map(([share, copyTo]) => share.write(checkpoint, copyTo)));
  const written = parts.flatMap((part) => part.written);
  const manifest = encodeManifest({
    ...{ checkpoint, lineage: "job@1", savepoint: false, createdAtMs: 0, keyGroups: KEY_GROUPS, chain },
    ...{ positions: {}, markers: {} },
    operators: [
      {
        ...{ operator: "count", parallelism: shares.length, rest: [] },
        states: written.flatMap(({ states }) => states),
        blocks: written.flatMap(({ blocks }) => blocks),
      },
    ],
    holders: Object.fromEntries(shares.map(([{ writer }], at) => [writer, parts[at]?.holders ?? []])),
  });
  const name: CheckpointName = checkpointName(checkpoint);
  await region.writeManifest(name, manifest);
  return { name, crc: manifestCrc(manifest) };
}
