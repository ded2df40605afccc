/**
 * A slot as a place in the scheduler: its host, its port, and when it can go on.
 *
 * It sleeps on its doorbell in shared memory as a thread does, only that the scheduler looks whether it rang.
 */

import type { Job } from "../../core/job.ts";
import type { Clock } from "../../core/time.ts";
import type { StartedSlot } from "../coordinator/local-job.ts";
import { Doorbell } from "../exchange/doorbell.ts";
import { SlotProgress } from "../exchange/slot-progress.ts";
import type { FromSlot, SlotDeployment, SlotPort, ToSlot } from "../protocol.ts";
import type { DeployedSubtask } from "../task/deploy.ts";
import { reportSubtasks } from "../task/report.ts";
import { runSlot } from "../task/run-slot.ts";
import type { SlotHost } from "../task/slot.ts";
import type { PlacedOperator } from "./job-operators.ts";
import type { Actor, Scheduler } from "./scheduler.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { VirtualClock } from "./virtual-clock.ts";
import "./all-loaded.ts";

/** A step of a subtask seems to take up to this long, so that time slices end after different numbers of steps. */
const STEP_MS_MAX = 3;

export class InThreadSlot implements StartedSlot {
  readonly port: SlotPort<ToSlot, FromSlot>;
  readonly ended: Promise<void>;
  #subtasks: readonly DeployedSubtask[] | undefined;
  #running = true;
  /** Rows that it has handed over, and has not heard that they have arrived. */
  readonly #unanswered = new Set<number>();
  #tell: (message: ToSlot) => void = () => {};
  #receive: (message: FromSlot) => void = () => {};

  constructor(job: Job, deployment: SlotDeployment, scheduler: Scheduler, random: SeededRandom, clock: VirtualClock) {
    const toSlot = new MessageQueue<ToSlot>(() => {});
    const closed = Promise.withResolvers<void>();
    const fromSlot = new MessageQueue<FromSlot>(closed.resolve);
    const host = new ScheduledHost(deployment, random, clock);
    scheduler.add(toSlot);
    scheduler.add(fromSlot);
    scheduler.add(new SlotActor(host, () => this.#awaitsOutside()));
    this.port = {
      send: (message) => toSlot.send(message),
      onMessage: (receive) => {
        this.#receive = receive;
        fromSlot.onMessage(receive);
      },
      closed: closed.promise,
    };
    this.ended = runSlot(deployment, {
      host,
      reportEveryMs: undefined,
      loadJob: async () => {
        await host.yield();
        return job;
      },
      send: (message) => {
        fromSlot.send(message);
        if (message.kind === "collect") this.#handedOver(message.serial);
      },
      onMessage: (receive) => {
        this.#tell = receive;
        toSlot.onMessage((message) => {
          if (message.kind === "collected") this.#unanswered.delete(message.serial);
          receive(message);
        });
      },
      onDeployed: (subtasks) => {
        this.#subtasks = subtasks;
      },
    }).finally(() => {
      this.#running = false;
      toSlot.close();
      fromSlot.close();
    });
  }

  /** All operators of its subtasks, until these have ended. */
  get operators(): readonly PlacedOperator[] {
    const running = this.#running ? (this.#subtasks ?? []) : [];
    return running.flatMap(({ placement, subtask }) =>
      subtask.chain.hosts.map((host) => ({ subtask: placement.subtask, host })),
    );
  }

  /** Reports the present state of its subtasks at once. */
  report(): void {
    if (this.#subtasks === undefined) return;
    this.#receive({ kind: "report", subtasks: reportSubtasks(this.#subtasks), busyMs: 0 });
  }

  /** Frees what its subtasks have open, without a word to anybody: nothing of it will be scheduled any more. */
  async abandon(): Promise<void> {
    this.#running = false;
    // What waits for it would never close.
    for (const serial of this.#unanswered) this.#tell({ kind: "collected", serial });
    await Promise.allSettled(this.#subtasks?.map(({ subtask }) => subtask.close()) ?? []);
  }

  #handedOver(serial: number): void {
    if (this.#running) this.#unanswered.add(serial);
    else queueMicrotask(() => this.#tell({ kind: "collected", serial }));
  }

  #awaitsOutside(): Actor["awaitsOutside"] {
    if (!this.#running) return "no";
    const phases = this.#subtasks?.map(({ subtask }) => subtask.phase) ?? [];
    if (phases.includes("opening") || phases.includes("closing")) return "surely";
    return this.#subtasks?.some(({ subtask }) => subtask.awaiting) === true ? "perhaps" : "no";
  }
}

/** Messages in order, each delivered when the scheduler draws it; copied, as between threads. */
class MessageQueue<M> implements Actor {
  readonly wakeAt = Number.POSITIVE_INFINITY;
  readonly awaitsOutside = "no";
  readonly #messages: M[] = [];
  readonly #onDrained: () => void;
  #receive: ((message: M) => void) | undefined;
  #closed = false;

  /** `onDrained` is called when the queue is closed and all has been delivered. */
  constructor(onDrained: () => void) {
    this.#onDrained = onDrained;
  }

  send(message: M): void {
    if (!this.#closed) this.#messages.push(structuredClone(message));
  }

  onMessage(receive: (message: M) => void): void {
    this.#receive = receive;
  }

  close(): void {
    this.#closed = true;
    if (this.#receive === undefined) this.#messages.length = 0;
    this.#noteDrained();
  }

  next(): (() => void) | undefined {
    const receive = this.#receive;
    if (this.#messages.length === 0 || receive === undefined) return undefined;
    return () => {
      receive(this.#messages.shift() as M);
      this.#noteDrained();
    };
  }

  #noteDrained(): void {
    if (this.#closed && this.#messages.length === 0) this.#onDrained();
  }
}

class SlotActor implements Actor {
  readonly #host: ScheduledHost;
  readonly #awaitsOutside: () => Actor["awaitsOutside"];

  constructor(host: ScheduledHost, awaitsOutside: () => Actor["awaitsOutside"]) {
    this.#host = host;
    this.#awaitsOutside = awaitsOutside;
  }

  get wakeAt(): number {
    return this.#host.wakeAt;
  }

  get awaitsOutside(): Actor["awaitsOutside"] {
    return this.#awaitsOutside();
  }

  next(): (() => void) | undefined {
    return this.#host.canGoOn ? () => this.#host.goOn() : undefined;
  }
}

class ScheduledHost implements SlotHost {
  readonly clock: Clock;
  readonly progress: SlotProgress;
  readonly #doorbell: Doorbell;
  readonly #virtual: VirtualClock;
  /** The doorbell's count at which it sleeps, or undefined when it only gave way to others. */
  #sleepsAt: number | undefined;
  #goOn: (() => void) | undefined;
  #count = 0;
  wakeAt = Number.POSITIVE_INFINITY;

  constructor({ memory, slot }: SlotDeployment, random: SeededRandom, virtual: VirtualClock) {
    let workedMs = 0;
    this.progress = new SlotProgress(memory.doorbells, slot);
    this.#doorbell = new Doorbell(memory.doorbells, slot);
    this.#virtual = virtual;
    this.clock = {
      now: () => virtual.now(),
      monotonicMs: () => {
        workedMs += random.next() * STEP_MS_MAX;
        return virtual.monotonicMs() + workedMs;
      },
    };
  }

  get canGoOn(): boolean {
    if (this.#goOn === undefined) return false;
    if (this.#sleepsAt === undefined || this.wakeAt <= this.#virtual.now()) return true;
    return this.#doorbell.prepareSleep() !== this.#sleepsAt;
  }

  goOn(): void {
    const goOn = this.#goOn;
    this.#goOn = undefined;
    this.#sleepsAt = undefined;
    this.wakeAt = Number.POSITIVE_INFINITY;
    goOn?.();
  }

  yield(): Promise<void> {
    return new Promise((resolve) => {
      this.#goOn = resolve;
    });
  }

  prepareSleep(): void {
    this.#count = this.#doorbell.prepareSleep();
  }

  sleep(timeoutMs: number): Promise<void> {
    this.#sleepsAt = this.#count;
    this.wakeAt = this.#virtual.now() + timeoutMs;
    return this.yield();
  }

  wake(): void {
    this.#doorbell.ring();
  }
}
