/**
 * The slots of one process: a piscina pool with as many threads as slots, each running one long task.
 */

import { extname } from "node:path";
import { MessageChannel, type MessagePort, type Worker, workerData } from "node:worker_threads";
import { Piscina } from "piscina";
import { MillraceError } from "../../core/errors.ts";
import type { FromSlot, SlotDeployment, SlotPort, ToSlot } from "../protocol.ts";
import { slotLost } from "../slot-errors.ts";
import { setSlotFlags } from "../v8-flags.ts";
import type { SlotTask } from "./slot-task.ts";
import { watchSlot } from "./watched-slot.ts";

export interface RunningSlot {
  readonly port: SlotPort<ToSlot, FromSlot>;
  /**
   * Resolves when the slot's task has ended; rejects with SLOT_LOST or SLOT_STUCK when its thread ended before, and is
   * gone.
   */
  readonly ended: Promise<void>;
  /** Ends the thread, whatever it does. */
  kill(): void;
}

export interface SlotPoolOptions {
  readonly slots: number;
  /** How large the old generation of a slot's JavaScript heap may grow; absent: as Node decides. */
  readonly slotHeapMb?: number | undefined;
  /** How large the young one may grow; absent: as V8 decides. */
  readonly youngHeapMb?: number | undefined;
  /** What its threads load as soon as they start. Absent: all with their task. */
  readonly loadsAhead?: LoadsAhead;
  /** What its threads have as environment; absent: the process's. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Gets the error of a thread whose slot has ended already. */
  readonly onStrayError: (error: Error) => void;
}

/** What bundled programs need, or the module of the job that will be run. */
export type LoadsAhead = "for-bundles" | { readonly module: string };

/** What the pool's threads know of themselves. */
export interface ThreadData {
  readonly millraceSlot: true;
  readonly loadsAhead: LoadsAhead | undefined;
}

/** @throws BAD_JOB_MODULE in a slot's thread: there a job's module is imported to be run, not to run the job again. */
export function refuseInSlot(jobName: string): void {
  if ((workerData as Partial<ThreadData> | null)?.millraceSlot !== true) return;
  throw new MillraceError(
    "BAD_JOB_MODULE",
    `importing the module of job "${jobName}" runs a job, but every slot imports it; guard the call: if (import.meta.main) await run(job)`,
  );
}

/** What runs slots, whatever it makes of them. */
export type SlotRunner = Pick<SlotPool, "start" | "close">;

export class SlotPool {
  readonly #pool: Piscina<SlotTask, void>;
  /** Resolves for each thread when it is gone: a killed one leaves the pool before. */
  readonly #gone = new Map<Worker, Promise<unknown>>();

  constructor({ slots, slotHeapMb, youngHeapMb, loadsAhead, env, onStrayError }: SlotPoolOptions) {
    setSlotFlags();
    const data: ThreadData = { millraceSlot: true, loadsAhead };
    this.#pool = new Piscina<SlotTask, void>({
      filename: new URL(`./slot-entry${extname(import.meta.filename)}`, import.meta.url).href,
      minThreads: slots,
      maxThreads: slots,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      // The default waits for tasks in a blocking way, in which a task's own I/O would stand still.
      atomics: "disabled",
      workerData: data,
      ...(env === undefined ? {} : { env }),
      resourceLimits: {
        ...(youngHeapMb === undefined ? {} : { maxYoungGenerationSizeMb: youngHeapMb }),
        ...(slotHeapMb === undefined ? {} : { maxOldGenerationSizeMb: slotHeapMb }),
      },
    });
    this.#pool.on("error", onStrayError);
    this.#noteThreads();
  }

  /** `watchdogMs`: a slot that takes no turn for so long is ended. */
  start(deployment: SlotDeployment, watchdogMs: number): RunningSlot {
    const { port1, port2 } = new MessageChannel();
    const killer = new AbortController();
    let stuck: Error | undefined;
    const unwatch = watchSlot(deployment, watchdogMs, (error) => {
      stuck = error;
      killer.abort();
    });
    const ended = this.#pool
      .run({ deployment, port: port2 }, { transferList: [port2], signal: killer.signal })
      .catch(async (cause: unknown) => {
        // A thread that was lost before it had its end of the port cannot close it. What it sent before comes first.
        setImmediate(() => port1.close());
        await this.#removedGone();
        throw stuck ?? slotLost(deployment, cause);
      })
      .finally(unwatch);
    this.#noteThreads();
    return { port: slotPort(port1), ended, kill: () => killer.abort() };
  }

  /** Ends all threads, whatever they do. Resolves when none is left. */
  async close(): Promise<void> {
    // A thread that was lost or killed has been replaced.
    this.#noteThreads();
    await this.#pool.destroy();
    await Promise.all(this.#gone.values());
  }

  /** The pool lets go of a thread as soon as it was told to end; what it runs may still write until it is gone. */
  async #removedGone(): Promise<void> {
    const removed = [...this.#gone].filter(([thread]) => !this.#pool.threads.includes(thread));
    await Promise.all(removed.map(([, gone]) => gone));
  }

  #noteThreads(): void {
    for (const thread of this.#pool.threads) {
      if (this.#gone.has(thread)) continue;
      this.#gone.set(thread, new Promise((resolve) => thread.once("exit", resolve)));
    }
  }
}

function slotPort(port: MessagePort): SlotPort<ToSlot, FromSlot> {
  return {
    send: (message) => port.postMessage(message),
    onMessage: (receive) => port.on("message", receive),
    closed: new Promise((resolve) => port.once("close", () => resolve())),
  };
}
