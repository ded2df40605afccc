/**
 * The life of one subtask, driven step by step by its slot.
 *
 *   opening ──► running ──► finishing ──► draining ──► closing ──► finished
 *      │           │            │             │            │
 *      └───────────┴────────────┴─────────────┴────────────┴──► failed (thrown to the slot)
 *
 * opening    awaits the operators' open
 * running    takes input, batch by batch, while the gate is open
 * finishing  the input has ended: final watermark, then `finish` of each operator in order
 * draining   sends what the outputs still hold, and the end of the stream
 * closing    awaits the operators' close
 */

import { unreachable } from "../../core/assert.ts";
import type { Operator } from "../../core/operator.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import { END_OF_TIME } from "../../core/time.ts";
import type { Chain } from "./chain.ts";
import type { SubtaskGate } from "./subtask-gate.ts";
import type { SubtaskInput } from "./subtask-input.ts";
import { SubtaskTimes, type SubtaskWait } from "./subtask-times.ts";

export type SubtaskPhase = "opening" | "running" | "finishing" | "draining" | "closing" | "finished";

export interface SubtaskParts {
  readonly name: string;
  readonly chain: Chain;
  readonly graph: StreamGraph;
  readonly gate: SubtaskGate;
  readonly input: SubtaskInput;
  /** Wakes the slot when something asynchronous has settled. */
  readonly wake: () => void;
}

export class Subtask {
  readonly name: string;
  readonly chain: Chain;
  readonly times = new SubtaskTimes();
  readonly #graph: StreamGraph;
  readonly #gate: SubtaskGate;
  readonly #input: SubtaskInput;
  readonly #wake: () => void;
  #phase: SubtaskPhase = "opening";
  /** The failure of an asynchronous phase, thrown at the next step. */
  #failure: { readonly error: unknown } | undefined;
  #opened = false;
  /** Operators that still have to finish, the final watermark being the first step of it. */
  #finishers: readonly Operator[] = [];
  #closed: Promise<void> | undefined;

  constructor(parts: SubtaskParts) {
    this.name = parts.name;
    this.chain = parts.chain;
    this.#graph = parts.graph;
    this.#gate = parts.gate;
    this.#input = parts.input;
    this.#wake = parts.wake;
  }

  get phase(): SubtaskPhase {
    return this.#phase;
  }

  get isSource(): boolean {
    return this.#input.isSource;
  }

  get recordsIn(): number {
    return this.#input.records;
  }

  get recordsOut(): number {
    return this.chain.edges.reduce((sum, edge) => sum + edge.records, 0);
  }

  get bytesIn(): number {
    return this.#input.bytes;
  }

  get bytesOut(): number {
    return this.chain.edges.reduce((sum, edge) => sum + edge.bytes, 0);
  }

  /** The highest watermark that any of its operators has seen: sources make theirs in the chain. */
  get watermark(): number {
    return Math.max(...this.chain.hosts.map((host) => host.currentWatermark));
  }

  /** Whether it waits for a promise: something outside of the mailbox. */
  get awaiting(): boolean {
    return this.#gate.awaiting || this.#phase === "opening" || this.#phase === "closing";
  }

  get backpressured(): boolean {
    return this.chain.edges.some((edge) => edge.blocked);
  }

  /** What keeps it from working on, after a step that found nothing to do. */
  get waitsFor(): SubtaskWait {
    switch (this.#phase) {
      case "finished":
        return "turn";
      case "opening":
      case "closing":
        return "function";
      default:
        if (this.#gate.waiting) return "function";
        return this.backpressured ? "credit" : "input";
    }
  }

  start(): void {
    this.#opened = true;
    this.#after(this.chain.open(this.#graph), "running");
  }

  /** Does a bounded piece of work; true if there may be more at once. @throws what fails the subtask. */
  step(): boolean {
    try {
      return this.#work();
    } catch (error) {
      throw this.chain.located(error);
    }
  }

  #work(): boolean {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#gate.throwFailure();
    switch (this.#phase) {
      case "opening":
      case "closing":
      case "finished":
        return false;
      case "running":
        return this.#letThrough() && this.#takeInput();
      case "finishing":
        return this.#letThrough() && this.#finishNext();
      case "draining":
        return this.#drain() && this.#beginClosing();
      default:
        return unreachable(this.#phase);
    }
  }

  /** Sends partly filled batches. */
  flush(): void {
    for (const edge of this.chain.edges) edge.flush();
  }

  /** A source ends as if it had read everything. */
  stop(): void {
    this.#input.stop();
  }

  /** Ends the subtask in whatever phase it is; for cancellation and after failures. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#opened ? this.#closeAll() : Promise.resolve();
    return this.#closed;
  }

  /** Whether the gate is open, after whatever kept it closed was given the chance to go on. */
  #letThrough(): boolean {
    if (!this.#gate.blocked) return true;
    if (!this.#drain() || this.#gate.waiting) return false;
    return this.#gate.resume(() => this.#drain());
  }

  #drain(): boolean {
    let empty = true;
    for (const edge of this.chain.edges) if (!edge.drain()) empty = false;
    return empty;
  }

  #takeInput(): boolean {
    const step = this.#input.step();
    if (step === "worked") {
      this.#gate.worked = true;
      return true;
    }
    if (step === "empty") {
      this.pause();
      return false;
    }
    this.#phase = "finishing";
    this.#finishers = [{ process: () => {}, finish: () => this.chain.watermark(END_OF_TIME) }, ...this.chain.finishers];
    return true;
  }

  /** Nothing to do: what has been done becomes visible outside, as far as no operator is in the midst of something. */
  pause(): void {
    if (this.#phase !== "running") return;
    if (this.#gate.worked && !this.#gate.blocked) {
      this.#gate.worked = false;
      this.chain.pause();
    }
    this.flush();
  }

  #finishNext(): boolean {
    const [next, ...rest] = this.#finishers;
    if (next !== undefined) {
      this.#finishers = rest;
      next.finish?.();
      return true;
    }
    this.chain.end();
    this.#phase = "draining";
    return true;
  }

  #beginClosing(): boolean {
    this.#phase = "closing";
    this.#after(this.close(), "finished");
    return false;
  }

  async #closeAll(): Promise<void> {
    try {
      await this.#input.close();
    } finally {
      await this.chain.close(this.#graph);
    }
  }

  #after(promise: Promise<void>, next: SubtaskPhase): void {
    promise.then(
      () => {
        this.#phase = next;
        this.#wake();
      },
      (error) => {
        this.#failure = { error };
        this.#wake();
      },
    );
  }
}
