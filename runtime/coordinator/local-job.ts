/**
 * The control plane of one job on local slots: starts them, deals out splits, relays what slots say to each other,
 * collects reports and results, and brings the job to its end.
 */

import { AssertionFailure } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import { SLOT_STOP_GRACE_MS } from "../../core/limits.ts";
import type { LogLevel } from "../../core/telemetry.ts";
import { fromErrorReport } from "../error-report.ts";
import { createSharedMemory } from "../exchange/shared-memory.ts";
import type { Plan } from "../graph/plan.ts";
import type {
  FromSlot,
  SharedMemory,
  SlotBatch,
  SlotDeployment,
  SlotPort,
  SlotStateDeployment,
  SubtaskReport,
  ToSlot,
} from "../protocol.ts";
import { slotLost } from "../slot-errors.ts";
import { SplitDealer } from "../splits/split-dealer.ts";
import { Alignment } from "./alignment.ts";
import { isFinal, type JobEvent, type JobState, nextJobState } from "./job-state.ts";
import { KeptRows } from "./kept-rows.ts";
import type { LocalCheckpoints } from "./local-checkpoints.ts";

/** A slot that runs a deployment: a thread of the own process, or a place in the test's scheduler. */
export interface StartedSlot {
  readonly port: SlotPort<ToSlot, FromSlot>;
  /** Resolves when the slot's task has ended; rejects when its thread ended before. */
  readonly ended: Promise<void>;
  /** Ends its thread, whatever it does. Absent where it has none of its own. */
  kill?(): void;
}

export interface LocalJobOptions {
  readonly jobId: string;
  readonly jobName: string;
  readonly module: string;
  readonly plan: Plan;
  readonly showRecordsInErrors: boolean;
  readonly freeze: boolean;
  /** What relative paths of the job are relative to. */
  readonly workingDirectory: string;
  readonly startSlot: (deployment: SlotDeployment) => StartedSlot;
  readonly log: (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Called when slots report, and when a sink's first rows have come. */
  readonly onReport?: (() => void) | undefined;
  /** 1 for the first, and absent where there is only one. */
  readonly attempt?: number;
  /** Where rows go that outlive the attempt. */
  readonly rows?: KeptRows;
  /** Absent: none are taken. */
  readonly checkpoints?: LocalCheckpoints;
  /** Of a stage of a batch. */
  readonly batch?: SlotBatch;
  /** Where its state is while it runs, and the folder for what exceeds the memory; absent: on the heap. */
  readonly state?: SlotStateDeployment | undefined;
  /** Calls back after a time unless the returned function is called first. Absent: slots may take as long to stop as they like. */
  readonly callAfter?: (ms: number, callback: () => void) => () => void;
}

export class LocalJob {
  readonly #options: LocalJobOptions;
  readonly #abort = new AbortController();
  readonly #splits: SplitDealer;
  readonly #rows: KeptRows;
  readonly #reports = new Map<number, readonly SubtaskReport[]>();
  readonly #busyMs = new Map<number, number>();
  readonly #slots: StartedSlot[] = [];
  readonly #alignment = new Alignment();
  readonly #endedSlots = new Set<number>();
  #state: JobState = { kind: "created" };
  /** Takes back that slots which do not stop are killed. */
  #spareSlots: (() => void) | undefined;

  constructor(options: LocalJobOptions) {
    this.#options = options;
    const { plan, workingDirectory, checkpoints, rows = new KeptRows() } = options;
    this.#rows = rows;
    // Slots deal out splits themselves where these are part of checkpoints.
    const wanted = checkpoints === undefined ? undefined : [];
    const surroundings = { workingDirectory, signal: this.#abort.signal };
    this.#splits = new SplitDealer(plan.graph, plan.jobGraph, surroundings, wanted);
    checkpoints?.attach((slot, message) => this.#slots[slot]?.port.send(message));
  }

  get state(): JobState {
    return this.#state;
  }

  /** The latest report of every subtask. */
  get reports(): readonly SubtaskReport[] {
    return [...this.#reports.values()].flat();
  }

  /** Milliseconds that each slot has worked. */
  get busyMs(): readonly number[] {
    return this.#slots.map((_, slot) => this.#busyMs.get(slot) ?? 0);
  }

  collected(operator: string): readonly unknown[] {
    return this.#rows.of(operator);
  }

  get #attempt(): number {
    return this.#options.attempt ?? 1;
  }

  /** Runs the job to its end. @throws what it failed with, or CANCELLED. */
  async run(): Promise<void> {
    this.#startSlots();
    this.#splits.ready().catch((cause: Error) => this.#fail(cause));
    await Promise.all(this.#slots.map((slot, index) => this.#untilEnded(slot, index)));
    this.#spareSlots?.();
    this.#abort.abort();
    await this.#splits.close().catch((cause: Error) => this.#fail(cause));
    this.#apply({ kind: "slotsEnded" });
    if (this.#state.kind === "failed") throw this.#state.cause;
    if (this.#state.kind === "cancelled")
      throw new MillraceError("CANCELLED", `job "${this.#options.jobName}" was cancelled`);
  }

  cancel(): void {
    this.#apply({ kind: "cancel" });
    this.#stopSlots();
  }

  /** From outside: it cannot go on. */
  fail(cause: Error): void {
    this.#fail(cause);
  }

  /** Sources end as if they had read everything; so the job finishes with what its windows and sinks make of that. */
  stop(): void {
    for (const slot of this.#slots) slot.port.send({ kind: "stop" });
  }

  #startSlots(): void {
    const { executionGraph } = this.#options.plan;
    try {
      const memory = createSharedMemory(executionGraph, () => false);
      for (let slot = 0; slot < executionGraph.slots; slot++) this.#slots.push(this.#start(slot, memory));
      this.#apply({ kind: "started" });
    } catch (cause) {
      this.#fail(cause as Error);
    }
    // Cancelled before or while starting: those that started then have not heard of it.
    if (this.#state.kind !== "running") this.#stopSlots();
  }

  #start(slot: number, memory: SharedMemory): StartedSlot {
    const { jobId, jobName, module, plan, showRecordsInErrors, freeze, workingDirectory } = this.#options;
    const started = this.#options.startSlot({
      jobId,
      jobName,
      module,
      bundled: false,
      params: plan.params,
      attempt: this.#attempt,
      slot,
      jobGraph: plan.jobGraph,
      executionGraph: plan.executionGraph,
      graphHash: plan.graphHash,
      showRecordsInErrors,
      freeze,
      workingDirectory,
      enumerates: [],
      printsToLog: false,
      ...stateOf(this.#options, slot),
      memory,
      ...(this.#options.batch === undefined ? {} : { batch: this.#options.batch }),
      ...this.#options.checkpoints?.deployment(slot),
    });
    started.port.onMessage((message) => {
      try {
        this.#receive(slot, message);
      } catch (cause) {
        this.#fail(cause as Error);
      }
    });
    return started;
  }

  async #untilEnded(slot: StartedSlot, index: number): Promise<void> {
    try {
      await slot.ended;
    } catch (cause) {
      const place = { jobName: this.#options.jobName, slot: index };
      this.#fail(cause instanceof MillraceError ? cause : slotLost(place, cause));
    }
    await slot.port.closed;
    this.#endedSlots.add(index);
    this.#options.checkpoints?.slotEnded(index);
  }

  #receive(slot: number, message: FromSlot): void {
    const { checkpoints } = this.#options;
    checkpoints?.receive(slot, message);
    switch (message.kind) {
      case "running":
        break;
      case "requestSplit":
        if (checkpoints === undefined) this.#dealSplit(slot, message);
        break;
      case "oversize":
        (this.#slots[message.toSlot] as StartedSlot).port.send({
          kind: "oversize",
          channel: message.channel,
          serial: message.serial,
          frame: message.frame,
        });
        break;
      case "collect":
        this.#collect(slot, message);
        break;
      case "align":
        for (const { slot: to, ...aligned } of this.#alignment.report(slot, message))
          this.#slots[to]?.port.send({ kind: "aligned", ...aligned });
        break;
      case "report":
        this.#reports.set(slot, message.subtasks);
        this.#busyMs.set(slot, message.busyMs);
        this.#options.onReport?.();
        break;
      case "log":
        this.#options.log(message.level, message.message, { job: this.#options.jobName, ...message.fields });
        break;
      case "failed":
        this.#fail(fromErrorReport(message.error));
        break;
      case "splitDealt":
      case "blocks":
      case "snapshotted":
      case "declined":
      case "enumeratorCut":
      case "wantsCheckpoint":
      case "atEnd":
      case "readManifest":
      case "readBlocks":
        if (checkpoints === undefined) throw outOfPlace(message);
        break;
      case "printed":
        throw outOfPlace(message);
    }
  }

  #dealSplit(slot: number, { vertex, subtask }: Extract<FromSlot, { kind: "requestSplit" }>): void {
    this.#splits
      .next(vertex, subtask)
      .then((split) =>
        this.#slots[slot]?.port.send({
          kind: "split",
          vertex,
          subtask,
          split: split ?? null,
          none: split === undefined,
        }),
      )
      .catch((cause: Error) => this.#fail(cause));
  }

  #collect(slot: number, { operator, rows, serial }: Extract<FromSlot, { kind: "collect" }>): void {
    const areFirst = this.#rows.of(operator).length === 0;
    this.#rows.add(operator, rows, { attempt: this.#attempt, slot });
    this.#slots[slot]?.port.send({ kind: "collected", serial });
    if (areFirst) this.#options.onReport?.();
  }

  #fail(cause: Error): void {
    const before = this.#state;
    this.#apply({ kind: "failure", cause });
    // The outcome is decided by the first cause; what fails after it is at least written down.
    if (this.#state === before)
      this.#options.log("info", "a failure of a job that ends anyway", {
        job: this.#options.jobName,
        error: cause.message,
      });
    this.#stopSlots();
  }

  #stopSlots(): void {
    if (isFinal(this.#state)) return;
    this.#abort.abort();
    this.#options.checkpoints?.close();
    for (const slot of this.#slots) slot.port.send({ kind: "cancel" });
    this.#spareSlots ??= this.#options.callAfter?.(SLOT_STOP_GRACE_MS, () => this.#killSlots());
  }

  /** Slots that have not stopped in time: a function that never returns, or a close that never settles. */
  #killSlots(): void {
    for (const [index, slot] of this.#slots.entries()) {
      if (this.#endedSlots.has(index)) continue;
      this.#options.log("warn", `slot ${index + 1} did not stop within ${SLOT_STOP_GRACE_MS} ms; its thread is ended`, {
        job: this.#options.jobName,
      });
      slot.kill?.();
    }
  }

  #apply(event: JobEvent): void {
    const before = this.#state;
    this.#state = nextJobState(before, event);
    if (this.#state === before) return;
    const state = this.#state;
    const cause = "cause" in state ? { error: state.cause.message } : {};
    // Whoever runs the job gets the failure itself as a rejection.
    this.#options.log("info", `job ${state.kind}`, {
      job: this.#options.jobName,
      jobId: this.#options.jobId,
      ...cause,
    });
  }
}

function outOfPlace({ kind }: FromSlot): AssertionFailure {
  return new AssertionFailure(`a slot of an embedded job has no enumerator and no log, but sent "${kind}"`);
}

/** Each slot has a folder of its own, in each attempt another. */
function stateOf({ state, attempt = 1 }: LocalJobOptions, slot: number): Pick<SlotDeployment, "state"> {
  return state === undefined ? {} : { state: { ...state, folder: `${state.folder}/${attempt}-${slot}` } };
}
