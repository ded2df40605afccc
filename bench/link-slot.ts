/** A slot of the link benchmark: a thread that produces bids for the consuming slots, or consumes them. */

import { parentPort, workerData } from "node:worker_threads";
import type { InputChannel } from "../runtime/exchange/channel.ts";
import { Doorbell } from "../runtime/exchange/doorbell.ts";
import { SegmentPool } from "../runtime/exchange/segment-pool.ts";
import { SharedInputChannel, SharedOutputChannel } from "../runtime/exchange/shared-channel.ts";
import type { ExecutionGraph } from "../runtime/graph/execution-graph.ts";
import type { SharedMemory } from "../runtime/protocol.ts";
import { setSlotFlags } from "../runtime/v8-flags.ts";
import { type Bid, bidMaker } from "./jobs/bids.ts";

// As in a worker's slots.
setSlotFlags();

export interface LinkSlot {
  readonly slot: number;
  readonly graph: ExecutionGraph;
  readonly memory: SharedMemory;
  /** Of a producing slot. */
  readonly events: number;
}

/** So many different bids, made beforehand: what is measured is their way, not their making. */
const madeBids = 16_384;
const { slot, graph, memory, events } = workerData as LinkSlot;
const port = parentPort as NonNullable<typeof parentPort>;
const bells = Array.from({ length: graph.slots + 1 }, (_, at) => new Doorbell(memory.doorbells, at));
const own = bells[slot] as Doorbell;
const endOf = (other: number): number => (memory.remote[other] === true ? graph.slots : other);

/** Sleeps until the slot is rung, unless there is work by then. */
async function sleepUnless(hasWork: () => boolean): Promise<void> {
  const count = own.prepareSleep();
  if (!hasWork()) await own.sleep(count, Number.POSITIVE_INFINITY);
  own.awake();
}

async function produce(): Promise<void> {
  const outgoing = graph.channels.filter(({ fromSlot }) => fromSlot === slot);
  const pool = new SegmentPool(memory.pools[slot] as SharedArrayBuffer, outgoing.length);
  const outputs = outgoing.map(
    ({ index, toSlot }) =>
      new SharedOutputChannel({
        operator: "bids",
        control: memory.channels[index] as SharedArrayBuffer,
        pool,
        doorbell: bells[endOf(toSlot)] as Doorbell,
        sendOversize: () => {
          throw new Error("bids are small");
        },
        fields: undefined,
      }),
  );
  const drained = (): boolean => outputs.map((output) => output.drain()).every(Boolean);
  const make = bidMaker(20_000, 100_000);
  const bids = Array.from({ length: madeBids }, (_, index): Bid => make(index * 2 + slot));
  await started();
  for (let sent = 0; sent < events; sent++) {
    const bid = bids[sent % madeBids] as Bid;
    const output = outputs[bid.auction % outputs.length] as SharedOutputChannel;
    output.write(bid, bid.dateTime);
    while (output.blocked && !drained()) await sleepUnless(drained);
  }
  for (const output of outputs) output.end();
  while (!drained()) await sleepUnless(drained);
}

async function consume(): Promise<void> {
  const inputs: InputChannel[] = graph.channels
    .filter(({ toSlot }) => toSlot === slot)
    .map(
      ({ index, fromSlot }) =>
        new SharedInputChannel({
          operator: "count",
          control: memory.channels[index] as SharedArrayBuffer,
          segments: memory.pools[endOf(fromSlot)] as SharedArrayBuffer,
          doorbell: bells[endOf(fromSlot)] as Doorbell,
        }),
    );
  let counted = 0;
  let touched = 0;
  let open = inputs.length;
  const gate = { blocked: false };
  const push = (value: unknown): void => {
    const bid = value as Bid;
    counted++;
    touched += bid.price + bid.url.length + bid.extra.length;
  };
  const takeOne = (input: InputChannel): boolean => {
    const element = input.poll();
    if (element === "end") open--;
    if (element !== "batch") return element !== undefined;
    input.batch.deliver(push, gate);
    input.release();
    return true;
  };
  const takeSome = (): boolean => inputs.map(takeOne).some(Boolean);
  await started();
  while (open > 0) if (!takeSome()) await sleepUnless(takeSome);
  if (touched === 0) throw new Error("nothing was read");
  port.postMessage({ counted });
}

function started(): Promise<void> {
  port.postMessage("ready");
  return new Promise((resolve) => port.once("message", () => resolve()));
}

// The port keeps the thread alive: a wait on shared memory does not.
port.on("message", () => {});
await (graph.channels.some(({ fromSlot }) => fromSlot === slot) ? produce() : consume());
port.close();
