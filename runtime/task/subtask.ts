/**
 * The life of one subtask, driven step by step by its slot.
 *
 *   opening ──► running ──► finishing ──► draining ──► committing ──► closing ──► finished
 *      │           │            │             │             │            │
 *      └───────────┴────────────┴─────────────┴─────────────┴────────────┴──► failed (thrown to the slot)
 *
 * opening    awaits the operators' open
 * running    takes input, batch by batch, while the gate is open
 * finishing  the input has ended: final watermark, then `finish` of each operator in order
 * draining   sends what the outputs still hold, and the end of the stream
 * committing waits until a checkpoint that holds its end is complete, if checkpoints are taken
 * closing    awaits the operators' close
 *
 * A checkpoint cuts it while it is running, at the barrier, which it then passes on; or while it is committing, when all
 * that it has sent is before its consumers' cuts, as these count an input that has ended for aligned.
 *
 * An unaligned one cuts it as soon as it is in the midst of nothing, though barriers have not come and there is no credit:
 * what is in flight to it is recorded until they come (`overtaken-inputs.ts`), and its own barrier waits behind what it has
 * sent. While it is draining, its consumers record what it has sent up to its end.
 *
 * Where the job ends with the checkpoint, it takes and sends nothing behind its cut, unless that comes to nothing.
 */

import { unreachable } from "../../core/assert.ts";
import type { Operator } from "../../core/operator.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import { END_OF_TIME } from "../../core/time.ts";
import { faultPoint } from "../fault-point.ts";
import type { Chain } from "./chain.ts";
import { type Checkpoints, capturesOf, type OperatorCapture, type SubtaskCut, snapshotOf } from "./subtask-cut.ts";
import type { SubtaskGate } from "./subtask-gate.ts";
import type { SubtaskInput } from "./subtask-input.ts";
import { SubtaskTimes, type SubtaskWait } from "./subtask-times.ts";

export type SubtaskPhase = "opening" | "running" | "finishing" | "draining" | "committing" | "closing" | "finished";

export interface SubtaskParts {
  readonly name: string;
  readonly chain: Chain;
  readonly graph: StreamGraph;
  readonly gate: SubtaskGate;
  readonly input: SubtaskInput;
  /** Wakes the slot when something asynchronous has settled. */
  readonly wake: () => void;
  /** Absent: no checkpoints are taken. */
  readonly checkpoints: Checkpoints | undefined;
}

export class Subtask {
  readonly name: string;
  readonly chain: Chain;
  readonly times = new SubtaskTimes();
  readonly #graph: StreamGraph;
  readonly #gate: SubtaskGate;
  readonly #input: SubtaskInput;
  readonly #wake: () => void;
  readonly #checkpoints: Checkpoints | undefined;
  /** The checkpoint whose cut is due, 0 for none. */
  #due = 0;
  /** The checkpoint that the slot has begun and in which it was not cut, 0 for none. */
  #asked = 0;
  /** The one that overtakes what is in flight and in which it was not cut, 0 for none. */
  #overtakes = 0;
  /** It was cut, and its sinks prepare what they have. */
  #cut: SubtaskCut | undefined;
  /** The checkpoint that holds its end, 0 before it was cut; and whether it is complete. */
  #lastCut = 0;
  #committed = false;
  /** The checkpoint with which the job ends: for which event time was brought to its end, 0 for none. */
  #drainedFor = 0;
  /** In which it has been cut, and how it is let go on. */
  #held: { readonly checkpoint: number; readonly release: () => void } | undefined;
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
    this.#checkpoints = parts.checkpoints;
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
        return this.#run();
      case "finishing":
        return this.#letThrough() && this.#finishNext();
      case "draining":
        if (this.#drain()) return this.#beginCommitting();
        if (this.#overtakes !== 0 && !this.#gate.waiting) this.#cutAtEnd();
        return false;
      case "committing":
        return this.#letThrough() && this.#commit();
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

  /** How far the sources have come that wait for this one. */
  aligned(watermark: number | null): void {
    this.#input.aligned(watermark);
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

  #run(): boolean {
    const ahead = this.#input.readAhead();
    const open = this.#letThrough();
    if (!open && (this.#gate.suspended || this.#gate.waiting)) return ahead;
    if (this.#cut !== undefined) this.#cutDone(this.#cut);
    if (this.#overtakes !== 0 && this.#overtake()) return true;
    if (!open) return ahead;
    return (this.#due === 0 ? this.#takeInput() : this.#tryCut()) || ahead;
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
    if (step === "barrier") {
      this.#due = this.#input.barrier;
      return true;
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

  /** Whether it has ended but for a checkpoint, and whether it says anything to checkpoints. */
  get awaitsCheckpoint(): boolean {
    return this.#phase === "committing" && this.#lastCut === 0;
  }

  /** Whether nothing outside becomes visible or is confirmed by a checkpoint with its end. */
  get commitsNothing(): boolean {
    const hears = this.chain.hosts.some(
      ({ instance }) => instance?.completed !== undefined && instance.commits !== false,
    );
    return !hears && this.#input.commits !== true;
  }

  /** No checkpoint will follow: it ends without one. REQUIRES: it waits for nothing else. */
  release(): void {
    this.#committed = true;
  }

  get takesPart(): boolean {
    return !this.#committed && this.#phase !== "closing" && this.#phase !== "finished";
  }

  /** The slot has heard of a checkpoint: sources make the cut, and so does what has ended; others wait for barriers. */
  beginCheckpoint(checkpoint: number): void {
    this.#asked = checkpoint;
    this.#input.cut(checkpoint);
  }

  /** The checkpoint does not wait for barriers any more. REQUIRES: it was begun, and nobody has heard of this cut in it. */
  overtakeBy(checkpoint: number): void {
    if (this.#cut?.checkpoint !== checkpoint && this.#lastCut !== checkpoint) this.#overtakes = checkpoint;
  }

  /** The checkpoint is over. `full`: no later one builds on it. */
  endCheckpoint(checkpoint: number, complete: boolean, full: boolean): void {
    this.#input.abandon(checkpoint);
    if (this.#asked <= checkpoint) this.#asked = 0;
    if (this.#overtakes <= checkpoint) this.#overtakes = 0;
    if (this.#due !== 0 && this.#due <= checkpoint) this.#due = 0;
    if (this.#cut !== undefined && this.#cut.checkpoint <= checkpoint) this.#cut = undefined;
    if (complete) this.#input.completed(checkpoint);
    else if (this.#held?.checkpoint === checkpoint) this.#held.release();
    for (const host of this.chain.hosts) {
      if (complete) host.completed(checkpoint, full);
      else host.aborted(checkpoint);
    }
    if (this.#lastCut !== 0 && this.#lastCut <= checkpoint) {
      if (complete) this.#committed = true;
      else this.#lastCut = 0;
    }
  }

  /** The barrier is there on all inputs. True when there may be more at once. */
  #tryCut(): boolean {
    switch (this.#checkpoints?.stateOf(this.#due) ?? "over") {
      case "unknown":
        return false;
      case "over":
        this.#due = 0;
        return true;
      case "begun":
        if (this.#drains(this.#due)) return true;
        this.#takeCut(this.#due);
        this.#due = 0;
        return true;
    }
  }

  /** Event time comes to its end before the barrier; true when that was begun now. */
  #drains(checkpoint: number): boolean {
    if (!this.isSource || this.#drainedFor === checkpoint || this.#checkpoints?.endsBy(checkpoint) !== "drain")
      return false;
    this.#drainedFor = checkpoint;
    this.chain.watermark(END_OF_TIME);
    return true;
  }

  /** The cut of an unaligned checkpoint, unless something is in the midst of its work or has to be aligned. */
  #overtake(): boolean {
    const checkpoint = this.#overtakes;
    const aligned = this.#due === checkpoint;
    if (!aligned && !this.#input.mayOvertake(checkpoint)) return false;
    // What gathers records has to hand them on, though the batch goes on behind the cut.
    this.chain.batchEnd();
    if (this.#gate.suspended || this.#gate.waiting) return false;
    this.#takeCut(checkpoint, aligned ? [] : this.#input.overtake(checkpoint));
    this.#due = 0;
    return true;
  }

  #takeCut(checkpoint: number, inFlight: readonly OperatorCapture[] = []): void {
    const checkpoints = this.#checkpoints as Checkpoints;
    const finished = this.#phase !== "running";
    this.#asked = 0;
    this.#overtakes = 0;
    const source = this.#input.position(checkpoint);
    const operators = this.chain.cut(checkpoint, checkpoints.isFull(checkpoint), finished);
    const alignedBytes = finished ? 0 : (this.#input.alignedBytes ?? 0);
    this.#cut = { checkpoint, operators, inFlight, source, alignedBytes, finished };
    faultPoint("slot.cut");
    if (!this.#gate.waiting) this.#cutDone(this.#cut);
  }

  /** What its sinks had to prepare is prepared. */
  #cutDone(cut: SubtaskCut): void {
    this.#cut = undefined;
    const snapshot = snapshotOf(cut, this.chain);
    if (snapshot.commits.length > 0) faultPoint("sink.prepared");
    this.#checkpoints?.cut(this, snapshot, capturesOf(cut, this.chain, this.#wake), cut.checkpoint);
    if (cut.finished) this.#lastCut = cut.checkpoint;
    else if (this.#checkpoints?.endsBy(cut.checkpoint) !== undefined) this.#hold(cut.checkpoint);
  }

  /** Input and timers wait. Nobody waits for the promise when the job ends. */
  #hold(checkpoint: number): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = { checkpoint, release: resolve };
    this.#gate.wait(promise);
  }

  #beginCommitting(): boolean {
    if (this.#checkpoints === undefined) return this.#beginClosing();
    this.#phase = "committing";
    return true;
  }

  #commit(): boolean {
    if (this.#cut !== undefined) this.#cutDone(this.#cut);
    if (this.#committed) {
      faultPoint("slot.end-committed");
      return this.#beginClosing();
    }
    return this.#cutAtEnd();
  }

  /** All that it had to say is sent or waits in the outputs. */
  #cutAtEnd(): boolean {
    if (this.#cut !== undefined) this.#cutDone(this.#cut);
    const due = this.#due === 0 ? this.#asked : this.#due;
    this.#due = 0;
    if (due === 0 || this.#lastCut === due || this.#checkpoints?.stateOf(due) !== "begun") return false;
    this.#takeCut(due);
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
