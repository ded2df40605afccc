/**
 * Runs a slot's share of a job to its end: the same for a thread of its own and for a place in a test's scheduler.
 *
 * Failures are reported by the port, not thrown; the port has had every message when the returned promise resolves.
 */

import { AssertionFailure, unreachable } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import type { VertexId } from "../../core/ids.ts";
import type { Job } from "../../core/job.ts";
import type { ArrowAdapter } from "../../core/operator.ts";
import { areLoaded, loadOperators } from "../../operators/create-operator.ts";
import type { SourcePosition } from "../checkpoints/manifest-parts.ts";
import { toErrorReport } from "../error-report.ts";
import { faultPoint } from "../fault-point.ts";
import type { DealtSplit, FromSlot, SlotDeployment, SlotRestore, ToSlot } from "../protocol.ts";
import { memoryState, openSlotState, type SlotState } from "../state/slot-state.ts";
import { type DeployedSlot, type DeployedSubtask, deploySlot, rebuiltGraph, type SlotServices } from "./deploy.ts";
import { HandedOver } from "./handed-over.ts";
import { loadBatch } from "./load-batch.ts";
import { loadRestore } from "./load-restore.ts";
import { reportSubtasks } from "./report.ts";
import type { RestoredSubtasks } from "./restore-slot.ts";
import { Slot, type SlotHost } from "./slot.ts";
import { SlotCheckpoints } from "./slot-checkpoints.ts";
import { SlotEnumerators } from "./slot-enumerators.ts";
import { SplitRequests } from "./split-requests.ts";
import { standardStream } from "./standard-stream.ts";
import { StoredCheckpoint } from "./stored-checkpoint.ts";

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
  const abort = new AbortController();
  const mail = new EarlyMail(surroundings);
  const state = await openState(deployment);
  try {
    await runWithState(job, deployment, surroundings, { abort, mail, state });
  } finally {
    await state.close();
  }
}

/** Loaded by those only who spill. */
async function openState({ state }: SlotDeployment): Promise<SlotState> {
  return state === undefined ? memoryState : await openSlotState(state, state.folder);
}

interface Opened {
  readonly abort: AbortController;
  readonly mail: EarlyMail;
  readonly state: SlotState;
}

async function runWithState(
  job: Job,
  deployment: SlotDeployment,
  surroundings: SlotSurroundings,
  { abort, mail, state }: Opened,
): Promise<void> {
  const restored = deployment.restore && (await readRestored(deployment, deployment.restore, mail.store, state));
  if (restored !== undefined) faultPoint("slot.restored");
  const graph = rebuiltGraph(job, deployment);
  if (!areLoaded(graph)) await loadOperators(graph);
  if (deployment.batch !== undefined) await loadBatch();
  const running = new RunningSlot(job, deployment, surroundings, abort, state, restored);
  mail.handTo((message) => running.receive(message));
  surroundings.send({ kind: "running" });
  faultPoint("slot.deployed");
  const failures: unknown[] = [];
  await running.run().catch((error) => failures.push(error));
  abort.abort();
  await running.closeSubtasks();
  await running.closeEnumerators().catch((error) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

/** All but what a slot has asked of a store. */
type Mail = Exclude<ToSlot, { kind: "stored" }>;

/** Keeps what comes before the slot is deployed. What is stored is read from it then, and by sinks that open. */
class EarlyMail {
  readonly store: StoredCheckpoint;
  readonly #kept: Mail[] = [];
  #receive = (message: Mail): void => this.#keep(message);

  constructor({ send, onMessage }: SlotSurroundings) {
    this.store = new StoredCheckpoint(send);
    onMessage((message) => {
      if (message.kind === "stored") this.store.receive(message);
      else this.#receive(message);
      if (message.kind === "cancel") this.store.close();
    });
  }

  handTo(receive: (message: Mail) => void): void {
    this.#receive = receive;
    for (const message of this.#kept) receive(message);
  }

  #keep(message: Mail): void {
    this.#kept.push(message);
  }
}

interface Restored {
  readonly subtasks: RestoredSubtasks;
  readonly positionOf: (source: VertexId) => SourcePosition | undefined;
}

/** What the slot goes on from, before anything of it is made. @throws CANCELLED, and what reading failed with. */
async function readRestored(
  deployment: SlotDeployment,
  restore: SlotRestore,
  store: StoredCheckpoint,
  state: SlotState,
): Promise<Restored> {
  const { openRestored, restoreSlot, restoredPosition } = await loadRestore();
  const from = await openRestored(deployment, restore, store);
  const subtasks = await restoreSlot(deployment, from, store, state);
  return { subtasks, positionOf: (source) => restoredPosition(from, source) };
}

/** A deployed slot with all that answers its mail. */
class RunningSlot {
  readonly #surroundings: SlotSurroundings;
  readonly #slot: Slot;
  readonly #splits: SplitRequests;
  readonly #handedOver: HandedOver;
  readonly #enumerators: SlotEnumerators | undefined;
  readonly #deployed: DeployedSlot;
  readonly #checkpoints: SlotCheckpoints | undefined;
  readonly #restored: Restored | undefined;
  readonly #jobName: string;
  readonly #abort: AbortController;

  constructor(
    job: Job,
    deployment: SlotDeployment,
    surroundings: SlotSurroundings,
    abort: AbortController,
    state: SlotState,
    restored: Restored | undefined,
  ) {
    const { host, send } = surroundings;
    this.#surroundings = surroundings;
    this.#restored = restored;
    this.#jobName = deployment.jobName;
    this.#abort = abort;
    this.#checkpoints = deployment.checkpointing === true ? new SlotCheckpoints(send) : undefined;
    this.#slot = new Slot(host);
    this.#slot.waitFor(() => state.overdue);
    this.#splits = new SplitRequests(send);
    this.#handedOver = new HandedOver(send);
    this.#deployed = deploySlot(job, deployment, this.#slot, this.#services(deployment, abort.signal, state));
    this.#enumerators = this.#startEnumerators(job, deployment, abort.signal);
    this.#checkpoints?.deploy(this.#deployed.subtasks);
    this.#slot.workBeside(() => this.#checkpoints?.work() === true);
    surroundings.onDeployed?.(this.#deployed.subtasks);
    if (surroundings.reportEveryMs !== undefined) this.#reportRegularly(surroundings.reportEveryMs);
  }

  receive(message: Mail): void {
    if (message.kind === "cancel") {
      this.#abort.abort(new MillraceError("CANCELLED", `job "${this.#jobName}" was cancelled`));
      this.#slot.stop();
    } else this.#receive(message);
    this.#surroundings.host.wake();
  }

  run(): Promise<void> {
    return this.#slot.run();
  }

  async closeSubtasks(): Promise<void> {
    const closed = await Promise.allSettled(this.#deployed.subtasks.map(({ subtask }) => subtask.close()));
    this.#report();
    const failure = closed.find((result) => result.status === "rejected");
    if (failure === undefined) return;
    const fields = { error: String(failure.reason) };
    this.#surroundings.send({ kind: "log", level: "error", message: "closing a subtask failed", fields });
  }

  /** @throws the first failure. */
  async closeEnumerators(): Promise<void> {
    await this.#enumerators?.close();
  }

  #startEnumerators(job: Job, deployment: SlotDeployment, signal: AbortSignal): SlotEnumerators | undefined {
    if (deployment.enumerates.length === 0) return undefined;
    const graph = rebuiltGraph(job, deployment);
    const { send } = this.#surroundings;
    const fail = (error: unknown): void => this.#slot.fail(error);
    const enumerators = new SlotEnumerators({
      graph,
      deployment,
      signal,
      send,
      fail,
      restored: this.#restored?.positionOf,
    });
    this.#slot.stayWhile(() => enumerators.needed);
    return enumerators;
  }

  #services(deployment: SlotDeployment, signal: AbortSignal, state: SlotState): SlotServices {
    const { host, send } = this.#surroundings;
    return {
      host,
      signal,
      checkpoints: this.#checkpoints,
      state,
      restored: this.#restored?.subtasks,
      requestSplit: (vertex, subtask) =>
        this.#enumerators?.has(vertex) === true
          ? this.#enumerators.next(vertex, subtask)
          : this.#splits.request(vertex, subtask),
      align: (vertex, subtask, group, watermark) =>
        send({ kind: "align", group, vertex, subtask, watermark: watermark ?? null }),
      collect: (operator, rows) => this.#handedOver.collect(operator, rows),
      standardStream: (name) =>
        deployment.printsToLog
          ? { terminal: false, write: (text) => this.#handedOver.print(name, text) }
          : standardStream(name),
      sendOversize: (toSlot, channel, serial, frame) => send({ kind: "oversize", toSlot, channel, serial, frame }),
      log: (level, message, fields) => send({ kind: "log", level, message, fields }),
      arrow: loadArrow,
    };
  }

  #receive(message: Exclude<Mail, { kind: "cancel" }>): void {
    switch (message.kind) {
      case "split":
        this.#splits.receive(message.vertex, message.subtask, message.none ? undefined : (message.split as DealtSplit));
        break;
      case "aligned":
        this.#deployed.subtasks
          .find(({ placement }) => placement.vertex === message.vertex && placement.subtask === message.subtask)
          ?.subtask.aligned(message.watermark);
        break;
      case "oversize":
        this.#deployed.receiveOversize(message.channel, message.serial, message.frame);
        break;
      case "collected":
        this.#handedOver.received(message.serial);
        break;
      case "dealSplit":
        void this.#dealSplit(message.vertex, message.subtask);
        break;
      case "stop":
        this.#enumerators?.stop();
        for (const { subtask } of this.#deployed.subtasks) subtask.stop();
        break;
      case "checkpoint":
        this.#takingCheckpoints(message.kind)?.begin(message.checkpoint, message.full, message.ends);
        break;
      case "overtake":
        this.#takingCheckpoints(message.kind)?.overtake(message.checkpoint);
        break;
      case "checkpointEnded":
        this.#takingCheckpoints(message.kind)?.ended(message.checkpoint, message.complete);
        break;
      case "released":
        this.#takingCheckpoints(message.kind)?.release();
        this.#enumerators?.stop();
        break;
      case "cutEnumerator":
        void this.#enumerators?.cut(message);
        break;
      default:
        unreachable(message);
    }
  }

  #takingCheckpoints(asked: ToSlot["kind"]): SlotCheckpoints | undefined {
    if (this.#checkpoints === undefined)
      this.#slot.fail(new AssertionFailure(`a slot got "${asked}", but its deployment takes no checkpoints`));
    return this.#checkpoints;
  }

  async #dealSplit(vertex: VertexId, subtask: number): Promise<void> {
    await this.#enumerators?.deal(vertex, subtask);
    // It may have been the last that the slot was needed for.
    this.#surroundings.host.wake();
  }

  #report(): void {
    const subtasks = reportSubtasks(this.#deployed.subtasks);
    this.#surroundings.send({ kind: "report", subtasks, busyMs: this.#slot.busyMs });
  }

  #reportRegularly(everyMs: number): void {
    this.#slot.callAt(this.#surroundings.host.clock.now() + everyMs, () => {
      this.#report();
      this.#reportRegularly(everyMs);
    });
  }
}

async function loadArrow(): Promise<ArrowAdapter> {
  return (await import("../exchange/arrow-adapter.ts")).arrowAdapter;
}
