/**
 * Runs a slot's share of a job to its end: the same for a thread of its own and for a place in a test's scheduler.
 *
 * Failures are reported by the port, not thrown; the port has had every message when the returned promise resolves.
 */

import { MillraceError } from "../../core/errors.ts";
import type { Job } from "../../core/job.ts";
import type { ArrowAdapter } from "../../core/operator.ts";
import { toErrorReport } from "../error-report.ts";
import type { FromSlot, SlotDeployment, ToSlot } from "../protocol.ts";
import { type DeployedSlot, type DeployedSubtask, deploySlot, type SlotServices } from "./deploy.ts";
import { reportSubtasks } from "./report.ts";
import { Slot, type SlotHost } from "./slot.ts";
import { SplitRequests } from "./split-requests.ts";

export interface SlotSurroundings {
  readonly host: SlotHost;
  /** How often counters are reported, or undefined for only at the end. */
  readonly reportEveryMs: number | undefined;
  loadJob(): Promise<Job>;
  send(message: FromSlot): void;
  onMessage(receive: (message: ToSlot) => void): void;
  onDeployed?(subtasks: readonly DeployedSubtask[]): void;
}

export async function runSlot(deployment: SlotDeployment, surroundings: SlotSurroundings): Promise<void> {
  try {
    await runDeployment(await surroundings.loadJob(), deployment, surroundings);
  } catch (error) {
    surroundings.send({ kind: "failed", error: toErrorReport(error) });
  }
}

async function runDeployment(job: Job, deployment: SlotDeployment, surroundings: SlotSurroundings): Promise<void> {
  const { host, reportEveryMs } = surroundings;
  const abort = new AbortController();
  const slot = new Slot(host);
  const splits = new SplitRequests((message) => surroundings.send(message));
  const collecting = new Collecting((message) => surroundings.send(message));
  const deployed = deploySlot(job, deployment, slot, servicesOf(surroundings, abort.signal, splits, collecting));
  surroundings.onDeployed?.(deployed.subtasks);
  surroundings.onMessage((message) => {
    if (message.kind === "cancel") {
      abort.abort(new MillraceError("CANCELLED", `job "${deployment.jobName}" was cancelled`));
      slot.stop();
    } else receive(message, deployed, splits, collecting);
    host.wake();
  });
  const report = (): void =>
    surroundings.send({ kind: "report", subtasks: reportSubtasks(deployed.subtasks), busyMs: slot.busyMs });
  const reportRegularly = (everyMs: number): void => {
    slot.callAt(host.clock.now() + everyMs, () => {
      report();
      reportRegularly(everyMs);
    });
  };
  if (reportEveryMs !== undefined) reportRegularly(reportEveryMs);
  surroundings.send({ kind: "running" });
  try {
    await slot.run();
  } finally {
    abort.abort();
    const closed = await Promise.allSettled(deployed.subtasks.map(({ subtask }) => subtask.close()));
    report();
    const failure = closed.find((result) => result.status === "rejected");
    if (failure !== undefined) {
      const fields = { error: String(failure.reason) };
      surroundings.send({ kind: "log", level: "error", message: "closing a subtask failed", fields });
    }
  }
}

function servicesOf(
  { host, send }: SlotSurroundings,
  signal: AbortSignal,
  splits: SplitRequests,
  collecting: Collecting,
): SlotServices {
  return {
    host,
    signal,
    requestSplit: (vertex, subtask) => splits.request(vertex, subtask),
    collect: (operator, rows) => collecting.collect(operator, rows),
    sendOversize: (toSlot, channel, serial, frame) => send({ kind: "oversize", toSlot, channel, serial, frame }),
    log: (level, message, fields) => send({ kind: "log", level, message, fields }),
    arrow: loadArrow,
  };
}

function receive(
  message: Exclude<ToSlot, { kind: "cancel" }>,
  deployed: DeployedSlot,
  splits: SplitRequests,
  collecting: Collecting,
): void {
  switch (message.kind) {
    case "split":
      splits.receive(message.vertex, message.subtask, message.none ? undefined : message.split);
      break;
    case "oversize":
      deployed.receiveOversize(message.channel, message.serial, message.frame);
      break;
    case "collected":
      collecting.received(message.serial);
      break;
  }
}

/** Rows that are on their way to whoever runs the job. */
class Collecting {
  readonly #send: (message: FromSlot) => void;
  readonly #unanswered = new Map<number, () => void>();
  #serial = 0;

  constructor(send: (message: FromSlot) => void) {
    this.#send = send;
  }

  /** Resolves when the other side has the rows. */
  collect(operator: string, rows: readonly unknown[]): Promise<void> {
    const serial = ++this.#serial;
    this.#send({ kind: "collect", operator, rows, serial });
    return new Promise((resolve) => this.#unanswered.set(serial, resolve));
  }

  received(serial: number): void {
    this.#unanswered.get(serial)?.();
    this.#unanswered.delete(serial);
  }
}

async function loadArrow(): Promise<ArrowAdapter> {
  return (await import("../exchange/arrow-adapter.ts")).arrowAdapter;
}
