/**
 * The entry of a slot's thread: one long piscina task that imports the job's module, builds the slot's share of the job
 * and runs it until it has finished, failed or been cancelled.
 */

import type { MessagePort } from "node:worker_threads";
import { MillraceError } from "../../core/errors.ts";
import { definedJob, type Job } from "../../core/job.ts";
import type { ArrowAdapter } from "../../core/operator.ts";
import { REPORT_EVERY_MS } from "../../core/limits.ts";
import { systemClock } from "../clock.ts";
import { toErrorReport } from "../error-report.ts";
import { Doorbell } from "../exchange/doorbell.ts";
import type { FromSlot, SlotDeployment, ToSlot } from "../protocol.ts";
import { deploySlot, type SlotServices } from "../task/deploy.ts";
import { reportSubtasks } from "../task/report.ts";
import { Slot, type SlotHost } from "../task/slot.ts";
import { SplitRequests } from "../task/split-requests.ts";

export interface SlotTask {
  readonly deployment: SlotDeployment;
  readonly port: MessagePort;
}

/** Ends when the slot's subtasks have ended; failures are reported by the port, not thrown. */
export default async function runSlot({ deployment, port }: SlotTask): Promise<void> {
  const send = (message: FromSlot): void => port.postMessage(message);
  try {
    const job = await importJob(deployment);
    await runDeployment(job, deployment, port, send);
  } catch (error) {
    send({ kind: "failed", error: toErrorReport(error) });
  } finally {
    port.close();
  }
}

async function importJob(deployment: SlotDeployment): Promise<Job> {
  try {
    await import(deployment.module);
  } catch (cause) {
    throw new MillraceError("BAD_JOB_MODULE", `the module of job "${deployment.jobName}" could not be imported in a worker thread: ${(cause as Error).message}`, { cause });
  }
  return definedJob(deployment.module, deployment.jobName);
}

async function runDeployment(job: Job, deployment: SlotDeployment, port: MessagePort, send: (message: FromSlot) => void): Promise<void> {
  const abort = new AbortController();
  const host = new ThreadHost(new Doorbell(deployment.memory.doorbells, deployment.slot));
  const slot = new Slot(host);
  const splits = new SplitRequests(send);
  const collecting = new Map<number, () => void>();
  let serial = 0;
  const services: SlotServices = {
    host,
    signal: abort.signal,
    requestSplit: (vertex, subtask) => splits.request(vertex, subtask),
    collect: (operator, rows) => {
      send({ kind: "collect", operator, rows, serial: ++serial });
      const own = serial;
      return new Promise((resolve) => collecting.set(own, resolve));
    },
    sendOversize: (toSlot, channel, number, frame) => send({ kind: "oversize", toSlot, channel, serial: number, frame }),
    log: (level, message, fields) => send({ kind: "log", level, message, fields }),
    arrow: loadArrow,
  };
  const deployed = deploySlot(job, deployment, slot, services);
  // The port keeps the thread alive: a pending wait on the doorbell does not.
  port.on("message", (message: ToSlot) => {
    switch (message.kind) {
      case "split":
        splits.receive(message.vertex, message.subtask, message.none ? undefined : message.split);
        break;
      case "oversize":
        deployed.receiveOversize(message.channel, message.serial, message.frame);
        break;
      case "collected":
        collecting.get(message.serial)?.();
        collecting.delete(message.serial);
        break;
      case "cancel":
        abort.abort(new MillraceError("CANCELLED", `job "${deployment.jobName}" was cancelled`));
        slot.stop();
        break;
    }
    host.wake();
  });
  const report = (): void => send({ kind: "report", subtasks: reportSubtasks(deployed.subtasks), busyMs: slot.busyMs });
  const reportRegularly = (): void => {
    report();
    slot.callAt(host.clock.now() + REPORT_EVERY_MS, reportRegularly);
  };
  slot.callAt(host.clock.now() + REPORT_EVERY_MS, reportRegularly);
  send({ kind: "running" });
  try {
    await slot.run();
  } finally {
    abort.abort();
    const closed = await Promise.allSettled(deployed.subtasks.map(({ subtask }) => subtask.close()));
    report();
    const failure = closed.find((result) => result.status === "rejected");
    if (failure !== undefined) services.log("error", "closing a subtask failed", { error: String(failure.reason) });
  }
}

async function loadArrow(): Promise<ArrowAdapter> {
  return (await import("../exchange/arrow-adapter.ts")).arrowAdapter;
}

/** A thread of its own: sleeps on the slot's doorbell in shared memory. */
class ThreadHost implements SlotHost {
  readonly clock = systemClock;
  readonly #doorbell: Doorbell;
  #count = 0;

  constructor(doorbell: Doorbell) {
    this.#doorbell = doorbell;
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
