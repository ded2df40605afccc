/**
 * What a slot's thread does: one long piscina task that imports the job's module, builds the slot's share of the job
 * and runs it until it has finished, failed or been cancelled.
 */

import type { MessagePort } from "node:worker_threads";
import { MillraceError } from "../../core/errors.ts";
import { definedJob, type Job } from "../../core/job.ts";
import { REPORT_EVERY_MS } from "../../core/limits.ts";
import { systemClock } from "../clock.ts";
import { Doorbell } from "../exchange/doorbell.ts";
import { SlotProgress } from "../exchange/slot-progress.ts";
import type { FromSlot, SlotDeployment, ToSlot } from "../protocol.ts";
import { runSlot } from "../task/run-slot.ts";
import type { SlotHost } from "../task/slot.ts";

export interface SlotTask {
  readonly deployment: SlotDeployment;
  readonly port: MessagePort;
}

/** Ends when the slot's subtasks have ended; failures are reported by the port, not thrown. */
export default async function runSlotTask({ deployment, port }: SlotTask): Promise<void> {
  try {
    await runSlot(deployment, {
      host: new ThreadHost(deployment.memory.doorbells, deployment.slot),
      reportEveryMs: REPORT_EVERY_MS,
      loadJob: () => importJob(deployment),
      send: (message: FromSlot) => port.postMessage(message, handedOver(message)),
      // The port keeps the thread alive: a pending wait on the doorbell does not.
      onMessage: (receive: (message: ToSlot) => void) => port.on("message", receive),
    });
  } finally {
    port.close();
  }
}

/** Blocks of state go as they are, instead of being copied twice: each has memory of its own, and the slot forgets it. */
function handedOver(message: FromSlot): ArrayBuffer[] {
  return message.kind === "blocks" ? message.blocks.map(({ buffer }) => buffer) : [];
}

async function importJob(deployment: SlotDeployment): Promise<Job> {
  if (deployment.bundled) (await import("./slot-bundle.ts")).prepareBundle(deployment.module);
  try {
    await import(deployment.module);
  } catch (cause) {
    throw new MillraceError(
      "BAD_JOB_MODULE",
      `the module of job "${deployment.jobName}" could not be imported in a worker thread: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  return definedJob(deployment.module, deployment.jobName);
}

/** A thread of its own: sleeps on the slot's doorbell in shared memory. */
class ThreadHost implements SlotHost {
  readonly clock = systemClock;
  readonly progress: SlotProgress;
  readonly #doorbell: Doorbell;
  #count = 0;

  constructor(doorbells: SharedArrayBuffer, slot: number) {
    this.#doorbell = new Doorbell(doorbells, slot);
    this.progress = new SlotProgress(doorbells, slot);
  }

  yield(): Promise<void> {
    this.#doorbell.awake();
    return new Promise((resolve) => setImmediate(resolve));
  }

  prepareSleep(): void {
    this.#count = this.#doorbell.prepareSleep();
  }

  async sleep(timeoutMs: number): Promise<void> {
    await this.#doorbell.sleep(this.#count, timeoutMs);
    this.#doorbell.awake();
  }

  wake(): void {
    this.#doorbell.ring();
  }
}
