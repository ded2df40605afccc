/**
 * The slots of a simulated worker: what `worker/slot-pool.ts` does with threads, within the process's events. Each slot runs
 * the slot code of production; its turns, its mail and its end are events, and it can end between any two of them.
 */

import type { Job } from "../../../core/job.ts";
import { Doorbell } from "../../exchange/doorbell.ts";
import { SlotProgress } from "../../exchange/slot-progress.ts";
import type { FromSlot, SlotDeployment, ToSlot } from "../../protocol.ts";
import { slotLost } from "../../slot-errors.ts";
import type { DeployedSubtask } from "../../task/deploy.ts";
import { runSlot } from "../../task/run-slot.ts";
import type { SlotHost } from "../../task/slot.ts";
import type { RunningSlot, SlotRunner } from "../../worker/slot-pool.ts";
import type { SimulatedProcess } from "./process.ts";

/** A step of a subtask takes up to this long, so that time slices end after different numbers of steps. */
const STEP_MS_MAX = 10;
const LOADING_MS_MAX = 20;
const MAIL_MS_MAX = 0.5;
const KILLED_AFTER_MS_MAX = 5;

export class SimulatedSlots implements SlotRunner {
  readonly #process: SimulatedProcess;
  readonly #job: Job;
  readonly #started: (deployment: SlotDeployment) => void;
  readonly #slots = new Set<SimulatedSlot>();

  /** `started` is told of each slot. */
  constructor(process: SimulatedProcess, job: Job, started: (deployment: SlotDeployment) => void) {
    this.#process = process;
    this.#job = job;
    this.#started = started;
  }

  start(deployment: SlotDeployment): RunningSlot {
    this.#started(deployment);
    const slot = new SimulatedSlot(this.#process, this.#job, deployment);
    this.#slots.add(slot);
    const forget = (): void => void this.#slots.delete(slot);
    slot.ended.then(forget, forget);
    return slot;
  }

  async close(): Promise<void> {
    for (const slot of this.#slots) slot.kill();
    await Promise.allSettled([...this.#slots].map(({ ended }) => ended));
  }

  /** Those that run. */
  get all(): readonly SimulatedSlot[] {
    return [...this.#slots];
  }
}

export class SimulatedSlot implements RunningSlot {
  readonly port: RunningSlot["port"];
  readonly ended: Promise<void>;
  readonly #deployment: SlotDeployment;
  readonly #process: SimulatedProcess;
  readonly #ended = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #toSlot: Mailbox<ToSlot>;
  readonly #fromSlot: Mailbox<FromSlot>;
  readonly #host: EventHost;
  #subtasks: readonly DeployedSubtask[] = [];
  #alive = true;

  constructor(process: SimulatedProcess, job: Job, deployment: SlotDeployment) {
    const name = `slot ${deployment.slot}`;
    this.#process = process;
    this.#deployment = deployment;
    this.#toSlot = new Mailbox(process, `to ${name}`, () => this.#alive);
    this.#fromSlot = new Mailbox(process, `from ${name}`, () => true);
    this.#host = new EventHost(process, deployment, () => this.#alive);
    this.port = {
      send: (message) => this.#toSlot.send(message),
      onMessage: (receive) => this.#fromSlot.onMessage(receive),
      closed: this.#closed.promise,
    };
    this.ended = this.#ended.promise;
    // Whoever has started it hears of it; nobody does of one that its worker left behind.
    this.ended.catch(() => {});
    void this.#run(job);
  }

  readonly kill = (): void => this.lose(new Error("it was killed"));

  /** Its thread ends by itself: nothing of it happens any more. */
  lose(cause: Error): void {
    if (!this.#alive) return;
    this.#alive = false;
    const ms = this.#process.world.between(0, KILLED_AFTER_MS_MAX);
    this.#process.after(ms, "slot is lost", () =>
      this.#end(() => this.#ended.reject(slotLost(this.#deployment, cause))),
    );
  }

  /** Frees what its subtasks have open outside of the world, when that is over. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.#subtasks.map(({ subtask }) => subtask.close()));
  }

  async #run(job: Job): Promise<void> {
    await runSlot(this.#deployment, {
      host: this.#host,
      reportEveryMs: undefined,
      loadJob: () => this.#host.pass(this.#process.world.between(0, LOADING_MS_MAX)).then(() => job),
      send: (message) => {
        if (this.#alive) this.#fromSlot.send(message);
      },
      onMessage: (receive) => this.#toSlot.onMessage(receive),
      onDeployed: (subtasks) => {
        this.#subtasks = subtasks;
      },
    });
    if (!this.#alive) return;
    this.#alive = false;
    this.#end(() => this.#ended.resolve());
  }

  /** What it has sent arrives before its end. */
  #end(tell: () => void): void {
    tell();
    this.#fromSlot.whenEmpty(() => this.#closed.resolve());
  }
}

/** Messages in their order, copied, each in an event of its own. */
class Mailbox<M> {
  readonly #process: SimulatedProcess;
  readonly #name: string;
  readonly #open: () => boolean;
  readonly #early: M[] = [];
  #receive: ((message: M) => void) | undefined;
  #nextMs = 0;

  constructor(process: SimulatedProcess, name: string, open: () => boolean) {
    this.#process = process;
    this.#name = name;
    this.#open = open;
  }

  send(message: M): void {
    const copy = structuredClone(message);
    this.#inTurn((copy as { readonly kind: string }).kind, () => this.#deliver(copy));
  }

  onMessage(receive: (message: M) => void): void {
    this.#receive = receive;
    for (const message of this.#early.splice(0)) receive(message);
  }

  /** When all that was sent so far has arrived. */
  whenEmpty(act: () => void): void {
    this.#inTurn("ends", act);
  }

  #inTurn(what: string, act: () => void): void {
    const { world } = this.#process;
    this.#nextMs = Math.max(this.#nextMs, world.nowMs + world.between(0, MAIL_MS_MAX));
    this.#process.after(this.#nextMs - world.nowMs, `${this.#name}: ${what}`, act);
  }

  #deliver(message: M): void {
    if (!this.#open()) return;
    if (this.#receive === undefined) this.#early.push(message);
    else this.#receive(message);
  }
}

/** A slot's host: what it works takes time, and between its turns others have theirs. */
class EventHost implements SlotHost {
  readonly clock: SlotHost["clock"];
  readonly progress: SlotProgress;
  readonly #doorbell: Doorbell;
  readonly #process: SimulatedProcess;
  readonly #alive: () => boolean;
  readonly #name: string;
  /** What the present turn has taken so far. */
  #workedMs = 0;
  #count = 0;

  constructor(process: SimulatedProcess, { memory, slot }: SlotDeployment, alive: () => boolean) {
    const { world, clock } = process;
    this.#process = process;
    this.#alive = alive;
    this.#name = `turn of slot ${slot}`;
    this.progress = new SlotProgress(memory.doorbells, slot);
    this.#doorbell = new Doorbell(memory.doorbells, slot);
    this.clock = {
      now: () => clock.now(),
      monotonicMs: () => {
        this.#workedMs += world.between(0, STEP_MS_MAX);
        return clock.monotonicMs() + this.#workedMs;
      },
    };
  }

  yield(): Promise<void> {
    return this.pass(this.#workedMs);
  }

  prepareSleep(): void {
    this.#count = this.#doorbell.prepareSleep();
  }

  sleep(timeoutMs: number): Promise<void> {
    const count = this.#count;
    const workedMs = this.#workedMs;
    return new Promise((resolve) => {
      const goOn = (ms: number): void => void this.pass(ms).then(resolve);
      const isRung = (): boolean => this.#doorbell.prepareSleep() !== count;
      if (isRung()) {
        goOn(workedMs);
        return;
      }
      let cancelTimer = (): void => {};
      const forget = this.#process.sleep(isRung, () => {
        cancelTimer();
        goOn(workedMs);
      });
      if (timeoutMs === Number.POSITIVE_INFINITY) return;
      cancelTimer = this.#process.after(timeoutMs, this.#name, () => {
        forget();
        goOn(0);
      });
    });
  }

  wake(): void {
    this.#doorbell.ring();
  }

  /** Never settles when the slot has ended meanwhile. */
  pass(ms: number): Promise<void> {
    this.#workedMs = 0;
    return new Promise((resolve) => {
      this.#process.after(ms, this.#name, () => {
        if (this.#alive()) resolve();
      });
    });
  }
}
