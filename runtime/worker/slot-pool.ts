/**
 * The slots of one process: a piscina pool with as many threads as slots, each running one long task.
 */

import { extname } from "node:path";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import type { FromSlot, SlotDeployment, SlotPort, ToSlot } from "../protocol.ts";
import type { SlotTask } from "./slot-entry.ts";

export interface RunningSlot {
  readonly port: SlotPort<ToSlot, FromSlot>;
  /** Resolves when the slot's task has ended; rejects when its thread was lost. */
  readonly ended: Promise<void>;
}

export class SlotPool {
  readonly #pool: Piscina<SlotTask, void>;

  constructor(slots: number) {
    this.#pool = new Piscina<SlotTask, void>({
      filename: new URL(`./slot-entry${extname(import.meta.filename)}`, import.meta.url).href,
      minThreads: slots,
      maxThreads: slots,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      // The default waits for tasks in a blocking way, in which a task's own I/O would stand still.
      atomics: "disabled",
    });
  }

  start(deployment: SlotDeployment): RunningSlot {
    const { port1, port2 } = new MessageChannel();
    const ended = this.#pool.run({ deployment, port: port2 }, { transferList: [port2] });
    return { port: slotPort(port1), ended };
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

function slotPort(port: MessagePort): SlotPort<ToSlot, FromSlot> {
  return {
    send: (message) => port.postMessage(message),
    onMessage: (receive) => port.on("message", receive),
    closed: new Promise((resolve) => port.once("close", () => resolve())),
  };
}
