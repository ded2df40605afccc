/**
 * One case of the link benchmark: two producing slots send bids to two consuming ones, in one process or in two.
 *
 *   node bench/link-case.ts in-process|unix|tcp EVENTS
 *
 * Processor time is that of all threads of all processes, from the first bid to the last.
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { AttemptId, ClusterId, WorkerId } from "../runtime/cluster-ids.ts";
import type { ExchangeAddress, RegionDeployment, SlotPlacement } from "../runtime/cluster-protocol.ts";
import { WorkerExchange } from "../runtime/exchange/link/worker-exchange.ts";
import { createSharedMemory } from "../runtime/exchange/shared-memory.ts";
import type { ExecutionGraph } from "../runtime/graph/execution-graph.ts";
import type { LinkSlot } from "./link-slot.ts";

const producing = [0, 1];
const consuming = [2, 3];
const graph: ExecutionGraph = {
  slots: 4,
  subtasks: [],
  channels: producing.flatMap((fromSlot) =>
    consuming.map((toSlot) => ({
      index: fromSlot * 2 + toSlot - 2,
      edge: 0,
      fromSubtask: fromSlot,
      toSubtask: toSlot - 2,
      fromSlot,
      toSlot,
    })),
  ),
};

interface Used {
  readonly cpuS: number;
  readonly peakMb: number;
  readonly counted: number;
}

class Slots {
  readonly #threads: readonly Worker[];
  readonly #ready: Promise<unknown>;
  #counted = 0;

  constructor(slots: readonly number[], memory: LinkSlot["memory"], events: number) {
    const script = new URL("./link-slot.ts", import.meta.url);
    this.#threads = slots.map((slot) => new Worker(script, { workerData: { slot, graph, memory, events } }));
    this.#ready = Promise.all(this.#threads.map((thread) => once(thread, "message")));
  }

  ready(): Promise<unknown> {
    return this.#ready;
  }

  async run(): Promise<Used> {
    const before = process.cpuUsage();
    for (const thread of this.#threads) {
      thread.on("message", ({ counted }: { counted: number }) => {
        this.#counted += counted;
      });
      thread.postMessage("go");
    }
    await Promise.all(this.#threads.map((thread) => once(thread, "exit")));
    const { user, system } = process.cpuUsage(before);
    return {
      cpuS: (user + system) / 1e6,
      peakMb: process.resourceUsage().maxRSS / 1024,
      counted: this.#counted,
    };
  }
}

const [kind = "", eventsText, folder] = process.argv.slice(2);
const events = Number(eventsText);
const producer = "worker-a" as WorkerId;
const consumer = "worker-b" as WorkerId;

async function measure(): Promise<void> {
  const temporary = mkdtempSync(join(tmpdir(), "link-bench-"));
  const before = performance.now();
  const used = kind === "in-process" ? [await inProcess()] : await inTwo(temporary);
  const wallS = (performance.now() - before) / 1000;
  rmSync(temporary, { recursive: true });
  const sum = (of: (part: Used) => number): number => used.reduce((total, part) => total + of(part), 0);
  if (sum(({ counted }) => counted) !== events) throw new Error(`${sum(({ counted }) => counted)} events arrived`);
  const cpuS = sum((part) => part.cpuS);
  const figures = { events, wall_s: wallS, cpu_s: cpuS, peak_rss_mb: sum((part) => part.peakMb) };
  process.stdout.write(`${JSON.stringify({ exchange: kind, ...figures, events_per_cpu_s: events / cpuS })}\n`);
}

async function inProcess(): Promise<Used> {
  const slots = new Slots(
    [...producing, ...consuming],
    createSharedMemory(graph, () => false),
    events / 2,
  );
  await slots.ready();
  return await slots.run();
}

async function inTwo(temporary: string): Promise<Used[]> {
  const child = fork(fileURLToPath(import.meta.url), [kind, eventsText ?? "", temporary]);
  const exchange = openExchange(producer, temporary);
  const [there] = (await once(child, "message")) as [ExchangeAddress];
  const here = await exchange.listen();
  child.send(here);
  const run = attach(exchange, producer, here, there, producing);
  await Promise.all([run.ready(), once(child, "message")]);
  const consumed = nextMessage<Used>(child, "go");
  const used = [await run.run(), await consumed];
  await exchange.close();
  return used;
}

async function consumeInChild(temporary: string): Promise<void> {
  const exchange = openExchange(consumer, temporary);
  const here = await exchange.listen();
  process.send?.(here);
  const [there] = (await once(process, "message")) as [ExchangeAddress];
  const run = attach(exchange, consumer, there, here, consuming);
  await run.ready();
  process.send?.("ready");
  await once(process, "message");
  process.send?.(await run.run());
  await exchange.close();
  process.disconnect();
}

function openExchange(worker: WorkerId, temporary: string): WorkerExchange {
  const exchange = new WorkerExchange({
    worker,
    token: "a-token-for-the-benchmark",
    listen: kind === "unix" ? { kind: "unix", folder: temporary } : { kind: "tcp", host: "127.0.0.1" },
    log: () => {},
    onLinkLost: (_, __, reason) => {
      throw new Error(reason);
    },
  });
  exchange.joined("benchmark" as ClusterId, 1);
  return exchange;
}

function attach(
  exchange: WorkerExchange,
  self: WorkerId,
  ofProducer: ExchangeAddress,
  ofConsumer: ExchangeAddress,
  slots: readonly number[],
): Slots {
  const place = (worker: WorkerId, address: ExchangeAddress) => {
    return (slot: number): SlotPlacement => ({ slot, worker, epoch: 1, exchange: address });
  };
  const placement = [...producing.map(place(producer, ofProducer)), ...consuming.map(place(consumer, ofConsumer))];
  const memory = createSharedMemory(graph, (slot) => !slots.includes(slot));
  const attempt = "benchmark/0/1" as AttemptId;
  const deployment: Partial<RegionDeployment> = { attempt, executionGraph: graph, placement };
  // It reads nothing else of a deployment.
  exchange.attach(deployment as RegionDeployment, memory, () => {});
  return new Slots(slots, memory, self === producer ? events / 2 : 0);
}

async function nextMessage<Message>(child: ChildProcess, send: string): Promise<Message> {
  child.send(send);
  const [message] = (await once(child, "message")) as [Message];
  return message;
}

await (folder === undefined ? measure() : consumeInChild(folder));
