/**
 * A slot: the mailbox loop that runs several subtasks cooperatively in one thread.
 *
 *  1. Control mail and I/O come first: between two time slices of a few ms the loop yields a macrotask.
 *  2. In a slice, subtasks take turns of a few bounded steps, so none can keep the thread.
 *  3. When no subtask has work, partly filled batches are sent and the slot sleeps until its doorbell rings, a callback
 *     is due, or a promise has settled.
 *
 * The loop knows nothing of threads: how it yields and sleeps is the host's (`SlotHost`). A thread waits on shared
 * memory; tests and the simulation decide themselves who runs next.
 */

import { CHANNEL_CREDIT, FLUSH_AFTER_MS, TIME_SLICE_MS } from "../../core/limits.ts";
import type { Clock } from "../../core/time.ts";
import type { SlotProgress } from "../exchange/slot-progress.ts";
import { CallbackQueue } from "./callback-queue.ts";
import type { Subtask } from "./subtask.ts";

export interface SlotHost {
  readonly clock: Clock;
  /** Tells whoever watches the slot that it goes on. */
  readonly progress: SlotProgress;
  /** Lets mail and I/O in. */
  yield(): Promise<void>;
  /** Announces that the slot is about to sleep; work is looked for once more after it. */
  prepareSleep(): void;
  /** Sleeps until `wake`, the doorbell, or the time. */
  sleep(timeoutMs: number): Promise<void>;
  /** Ends a sleep from within the thread. */
  wake(): void;
}

export class Slot {
  readonly #host: SlotHost;
  readonly #callbacks = new CallbackQueue();
  #subtasks: readonly Subtask[] = [];
  #stopped = false;
  #failure: { readonly error: unknown } | undefined;
  /** Whether it is needed although its subtasks have finished. */
  #isNeeded: () => boolean = () => false;
  /** What else it works at, a step at a time; true if there is more. */
  #beside: () => boolean = () => false;
  /** What it has to wait for before it goes on. */
  #overdue: () => Promise<void> | undefined = () => undefined;
  #opened = false;
  #lastFlush = 0;
  /** Milliseconds spent working and sleeping, for the busy share. */
  busyMs = 0;

  constructor(host: SlotHost) {
    this.#host = host;
  }

  get subtasks(): readonly Subtask[] {
    return this.#subtasks;
  }

  deploy(subtasks: readonly Subtask[]): void {
    this.#subtasks = subtasks;
  }

  callAt(timeMs: number, callback: () => void): void {
    this.#callbacks.add(timeMs, callback);
    this.#host.wake();
  }

  stop(): void {
    this.#stopped = true;
    this.#host.wake();
  }

  /** Makes `run` throw. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#host.wake();
  }

  /** Goes on when its subtasks have finished, as long as something else needs it. */
  stayWhile(isNeeded: () => boolean): void {
    this.#isNeeded = isNeeded;
  }

  /** Works at something else between the turns of its subtasks. */
  workBeside(step: () => boolean): void {
    this.#beside = step;
  }

  /** Waits between two slices for whatever has not kept up. */
  waitFor(overdue: () => Promise<void> | undefined): void {
    this.#overdue = overdue;
  }

  get finished(): boolean {
    return this.#subtasks.every((subtask) => subtask.phase === "finished") && !this.#isNeeded();
  }

  /** Runs until all subtasks have finished or `stop` was called. @throws the first failure of a subtask. */
  async run(): Promise<void> {
    for (const subtask of this.#subtasks) subtask.start();
    while (!this.#stopped && !this.finished) {
      if (this.slice()) await this.#host.yield();
      else await this.#sleep();
      const overdue = this.#overdue();
      if (overdue !== undefined) await overdue;
      if (this.#failure !== undefined) throw this.#failure.error;
    }
  }

  /** One time slice; true if there may be more work at once. */
  slice(): boolean {
    const { clock, progress } = this.#host;
    this.#opened ||= this.#subtasks.every((subtask) => subtask.phase !== "opening");
    if (this.#opened) progress.turn();
    const start = clock.monotonicMs();
    let now = start;
    let worked = false;
    let working: boolean;
    do {
      working = this.#callbacks.runDue(clock.now());
      for (const [index, subtask] of this.#subtasks.entries()) {
        // A consumer empties its input before a source makes more: what waits in channels falls out of the caches.
        let stepsLeft = subtask.isSource ? 1 : CHANNEL_CREDIT;
        let more: boolean;
        do {
          const from = now;
          progress.step(index);
          more = subtask.step();
          now = clock.monotonicMs();
          subtask.times.stepped(from, now, more ? "turn" : subtask.waitsFor);
          if (more) working = true;
        } while (more && --stepsLeft > 0 && now - start < TIME_SLICE_MS);
      }
      progress.step(-1);
      if (this.#beside()) working = true;
      now = clock.monotonicMs();
      worked ||= working;
    } while (working && now - start < TIME_SLICE_MS);
    this.#flushAtTimes(now);
    this.busyMs += now - start;
    return worked;
  }

  /** A subtask that is always busy never pauses, so its partly filled batches are sent after a time. */
  #flushAtTimes(now: number): void {
    if (now - this.#lastFlush < FLUSH_AFTER_MS) return;
    this.#lastFlush = now;
    for (const subtask of this.#subtasks) if (subtask.phase === "running") subtask.flush();
  }

  async #sleep(): Promise<void> {
    this.#host.prepareSleep();
    for (const subtask of this.#subtasks) subtask.pause();
    if (this.slice() || this.#stopped || this.finished) {
      await this.#host.yield();
      return;
    }
    const next = this.#callbacks.next();
    await this.#host.sleep(Math.max(0, next - this.#host.clock.now()));
  }
}
