/** Worker processes as far as the exchange sees them: several in this process, with real sockets between them. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AttemptId, ClusterId, WorkerId } from "../../../../runtime/cluster-ids.ts";
import type { ExchangeAddress, RegionDeployment, SlotPlacement } from "../../../../runtime/cluster-protocol.ts";
import { Doorbell } from "../../../../runtime/exchange/doorbell.ts";
import type {
  AttachedRegion,
  ExchangeListen,
  LinkTimes,
  LinkTls,
  WorkerExchangeOptions,
} from "../../../../runtime/exchange/link/link-contract.ts";
import { WorkerExchange } from "../../../../runtime/exchange/link/worker-exchange.ts";
import { SegmentPool } from "../../../../runtime/exchange/segment-pool.ts";
import { SharedInputChannel, SharedOutputChannel } from "../../../../runtime/exchange/shared-channel.ts";
import { createSharedMemory } from "../../../../runtime/exchange/shared-memory.ts";
import type { ChannelPlacement, ExecutionGraph } from "../../../../runtime/graph/execution-graph.ts";
import type { SharedMemory } from "../../../../runtime/protocol.ts";

export const cluster = "cluster-1" as ClusterId;
export const token = "a-token-that-both-sides-have";

/** Channels from slot to slot, in the order given. */
export function graphOf(slots: number, pairs: readonly (readonly [from: number, to: number])[]): ExecutionGraph {
  const channels = pairs.map(
    ([fromSlot, toSlot], index): ChannelPlacement => ({
      index,
      edge: 0,
      fromSubtask: fromSlot,
      toSubtask: toSlot,
      fromSlot,
      toSlot,
    }),
  );
  return { slots, subtasks: [], channels };
}

/** What the exchange reads of a deployment. */
export function deploymentOf(
  attempt: string,
  executionGraph: ExecutionGraph,
  placement: readonly SlotPlacement[],
): RegionDeployment {
  return { attempt: attempt as AttemptId, executionGraph, placement } as Partial<RegionDeployment> as RegionDeployment;
}

export interface Lost {
  readonly peer: string;
  readonly attempts: readonly string[];
  readonly reason: string;
}

export interface TestWorkerOptions {
  readonly name: string;
  readonly listen: ExchangeListen;
  readonly token?: string;
  readonly cluster?: ClusterId;
  readonly epoch?: number;
  readonly times?: Partial<LinkTimes>;
  readonly tls?: LinkTls;
  readonly callAfter?: WorkerExchangeOptions["callAfter"];
}

export class TestWorker {
  readonly id: WorkerId;
  readonly exchange: WorkerExchange;
  readonly lost: Lost[] = [];
  readonly log: string[] = [];
  epoch: number;
  /** Where others find it: a test may put something in between. */
  address: ExchangeAddress = { kind: "unix", path: "" };

  constructor({ name, listen, times, tls, callAfter, ...options }: TestWorkerOptions) {
    this.id = name as WorkerId;
    this.epoch = options.epoch ?? 1;
    this.exchange = new WorkerExchange({
      worker: this.id,
      token: options.token ?? token,
      listen,
      tls,
      log: (_, message, fields) => this.log.push(`${message}: ${String(fields["reason"] ?? "")}`),
      onLinkLost: (peer, attempts, reason) => this.lost.push({ peer, attempts, reason }),
      ...(callAfter === undefined ? {} : { callAfter }),
      ...(times === undefined ? {} : { times }),
    });
    this.exchange.joined(options.cluster ?? cluster, this.epoch);
  }

  async start(): Promise<this> {
    this.address = await this.exchange.listen();
    return this;
  }

  place(slot: number): SlotPlacement {
    return { slot, worker: this.id, epoch: this.epoch, exchange: this.address };
  }

  attach(deployment: RegionDeployment): TestRegion {
    return new TestRegion(this, deployment);
  }
}

/** A region's share of one worker: the slots' ends of its channels are used from here. */
export class TestRegion {
  readonly memory: SharedMemory;
  readonly attached: AttachedRegion;
  readonly #graph: ExecutionGraph;
  readonly #inputs = new Map<number, SharedInputChannel>();
  readonly #pools = new Map<number, SegmentPool>();

  constructor(worker: TestWorker, deployment: RegionDeployment) {
    this.#graph = deployment.executionGraph;
    const here = new Set(deployment.placement.filter((each) => each.worker === worker.id).map(({ slot }) => slot));
    this.memory = createSharedMemory(this.#graph, (slot) => !here.has(slot));
    this.attached = worker.exchange.attach(deployment, this.memory, (_, channel, serial, frame) =>
      this.#inputs.get(channel)?.receiveOversize(serial, frame),
    );
  }

  output(channel: number): SharedOutputChannel {
    const { fromSlot } = this.#graph.channels[channel] as ChannelPlacement;
    return new SharedOutputChannel({
      operator: "producer",
      control: this.memory.channels[channel] as SharedArrayBuffer,
      pool: this.#poolOf(fromSlot),
      doorbell: new Doorbell(this.memory.doorbells, this.#graph.slots),
      sendOversize: (serial, frame) => this.attached.oversize(channel, serial, frame),
      fields: undefined,
    });
  }

  input(channel: number): SharedInputChannel {
    const network = this.#graph.slots;
    const input = new SharedInputChannel({
      operator: "consumer",
      control: this.memory.channels[channel] as SharedArrayBuffer,
      segments: this.memory.pools[network] as SharedArrayBuffer,
      doorbell: new Doorbell(this.memory.doorbells, network),
    });
    this.#inputs.set(channel, input);
    return input;
  }

  #poolOf(slot: number): SegmentPool {
    let pool = this.#pools.get(slot);
    if (pool === undefined) {
      const outgoing = this.#graph.channels.filter(({ fromSlot, toSlot }) => fromSlot === slot && toSlot !== slot);
      pool = new SegmentPool(this.memory.pools[slot] as SharedArrayBuffer, outgoing.length);
      this.#pools.set(slot, pool);
    }
    return pool;
  }
}

/** Whatever a test starts, closed in the end. */
export class Workers {
  readonly #workers: TestWorker[] = [];
  #folder: string | undefined;

  async unixFolder(): Promise<string> {
    this.#folder ??= await mkdtemp(join(tmpdir(), "link-"));
    return this.#folder;
  }

  async start(name: string, options: Partial<TestWorkerOptions> = {}): Promise<TestWorker> {
    const listen = options.listen ?? { kind: "unix", folder: await this.unixFolder() };
    const worker = new TestWorker({ name, ...options, listen });
    this.#workers.push(worker);
    return await worker.start();
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map(({ exchange }) => exchange.close()));
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true });
    this.#folder = undefined;
  }
}

/** Lets I/O and turns happen until something is so. */
export async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 1));
}

const open = { blocked: false };

/** Takes what comes until the channel's end. */
export async function takeAll(input: SharedInputChannel): Promise<unknown[]> {
  const records: unknown[] = [];
  for (;;) {
    const element = input.poll();
    if (element === "end") return records;
    if (element === undefined) await new Promise((resolve) => setImmediate(resolve));
    if (element !== "batch") continue;
    input.batch.deliver((value) => records.push(value), open);
    input.release();
  }
}

/** Writes records, waiting for credit, and ends the channel. */
export async function writeAll(output: SharedOutputChannel, records: Iterable<unknown>): Promise<void> {
  for (const record of records) {
    while (!output.drain()) await new Promise((resolve) => setImmediate(resolve));
    output.write(record, 0);
  }
  while (!output.drain()) await new Promise((resolve) => setImmediate(resolve));
  output.end();
  while (!output.drain()) await new Promise((resolve) => setImmediate(resolve));
}
