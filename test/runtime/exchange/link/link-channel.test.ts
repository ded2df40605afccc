/** Channels between slots of two workers, over real sockets, keep the contract of all channels. */

import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import { afterAll } from "vitest";
import type { InputChannel } from "../../../../runtime/exchange/channel.ts";
import { Doorbell } from "../../../../runtime/exchange/doorbell.ts";
import { SegmentPool } from "../../../../runtime/exchange/segment-pool.ts";
import { SharedInputChannel, SharedOutputChannel } from "../../../../runtime/exchange/shared-channel.ts";
import { createSharedMemory } from "../../../../runtime/exchange/shared-memory.ts";
import type { SharedMemory } from "../../../../runtime/protocol.ts";
import { type ChannelEnds, channelSuite } from "../../../conformance/channel.ts";
import type { FromRelay, RelaySetup, ToRelay } from "./fixtures/relay.ts";
import { graphOf } from "./workers.ts";

const graph = graphOf(2, [[0, 1]]);
const network = graph.slots;

/** Much longer than any round takes: a relay that stands still fails the test instead of keeping it. */
const settleWithinMs = 20_000;

/** Both workers' exchanges, in a thread that runs only while `settle` waits. */
class Relay {
  readonly #words = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
  readonly #port;
  readonly #worker: Worker;
  #round = 0;
  #arrived: (frame: Extract<FromRelay, { kind: "arrived" }>) => void = () => {};

  constructor(kind: RelaySetup["kind"]) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const setup: RelaySetup = { kind, gate: this.#words.buffer as SharedArrayBuffer, port: port2 };
    const script = new URL("./fixtures/relay.ts", import.meta.url);
    this.#worker = new Worker(script, { workerData: setup, transferList: [port2] });
  }

  open(
    memories: readonly [SharedMemory, SharedMemory],
    arrived: (frame: Extract<FromRelay, { kind: "arrived" }>) => void,
  ): void {
    this.#arrived = arrived;
    this.send({ kind: "open", graph, memories });
  }

  send(message: ToRelay): void {
    this.#port.postMessage(message);
  }

  /** Lets everything happen that can without the test. */
  settle(): void {
    this.#letGo();
    while (Atomics.load(this.#words, 1) < this.#round) {
      const ended = Atomics.wait(this.#words, 1, this.#round - 1, settleWithinMs);
      if (ended === "timed-out") throw new Error(`the relay has not come to rest in round ${this.#round}`);
    }
    for (let mail = receiveMessageOnPort(this.#port); mail !== undefined; mail = receiveMessageOnPort(this.#port)) {
      const message = mail.message as FromRelay;
      if (message.kind === "failed") throw new Error(`the relay has failed: ${message.reason}`);
      this.#arrived(message);
    }
  }

  async close(): Promise<void> {
    const exited = new Promise((resolve) => this.#worker.once("exit", resolve));
    // The relay may see this between two rounds, and end without another: there is no round to wait for.
    Atomics.store(this.#words, 2, 1);
    this.#letGo();
    await exited;
    this.#port.close();
  }

  #letGo(): void {
    Atomics.store(this.#words, 0, ++this.#round);
    Atomics.notify(this.#words, 0);
  }
}

/** Looks once more after everything that can has happened. */
function polling(input: SharedInputChannel, settle: () => void): InputChannel {
  return {
    poll() {
      const element = input.poll();
      if (element !== undefined) return element;
      settle();
      return input.poll();
    },
    get batch() {
      return input.batch;
    },
    get watermarkRead() {
      return input.watermarkRead;
    },
    get barrierRead() {
      return input.barrierRead;
    },
    release: () => input.release(),
  };
}

function openChannel(relay: Relay): ChannelEnds {
  const [atA, atB] = [0, 1].map((here) => createSharedMemory(graph, (slot) => slot !== here)) as [
    SharedMemory,
    SharedMemory,
  ];
  const input = new SharedInputChannel({
    operator: "consumer",
    control: atB.channels[0] as SharedArrayBuffer,
    segments: atB.pools[network] as SharedArrayBuffer,
    doorbell: new Doorbell(atB.doorbells, network),
  });
  relay.open([atA, atB], ({ serial, frame }) => input.receiveOversize(serial, frame));
  const output = new SharedOutputChannel({
    operator: "producer",
    control: atA.channels[0] as SharedArrayBuffer,
    pool: new SegmentPool(atA.pools[0] as SharedArrayBuffer, 1),
    doorbell: new Doorbell(atA.doorbells, network),
    sendOversize: (serial, frame) => relay.send({ kind: "oversize", serial, frame }),
    fields: undefined,
  });
  return { output, input: polling(input, () => relay.settle()), arrive: () => relay.settle() };
}

for (const kind of ["unix", "tcp"] as const) {
  const relay = new Relay(kind);
  afterAll(() => relay.close());
  channelSuite(`between workers over ${kind}`, () => openChannel(relay), { relayed: true });
}
