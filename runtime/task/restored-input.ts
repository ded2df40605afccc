/**
 * A subtask's input behind a restart from an unaligned checkpoint: first what was in flight to its operators, then its own.
 *
 * Of a chain, what was in flight to an operator further down comes before what was in flight to one further up, as it had
 * been made before. Barriers wait until all of it is taken in; an unaligned checkpoint takes the rest with it.
 */

import type { OperatorId } from "../../core/ids.ts";
import type { KeyGroupRange } from "../../core/key-group.ts";
import type { Gate } from "../../core/operator.ts";
import type { SourceSnapshot } from "../protocol.ts";
import type { InFlightReplay } from "./in-flight-replay.ts";
import type { OperatorCapture } from "./subtask-cut.ts";
import type { InputStep, SubtaskInput } from "./subtask-input.ts";

export interface RestoredOperator {
  readonly operator: OperatorId;
  readonly subtask: number;
  /** Of whoever may get what is in flight to it after the next restart. */
  readonly about: KeyGroupRange;
  readonly replay: InFlightReplay;
}

export class RestoredInput implements SubtaskInput {
  readonly #behind: SubtaskInput;
  readonly #gate: Gate;
  /** From the end of the chain to its head. */
  #left: readonly RestoredOperator[];
  #replayed = 0;

  constructor(operators: readonly RestoredOperator[], behind: SubtaskInput, gate: Gate) {
    this.#behind = behind;
    this.#gate = gate;
    this.#left = operators.filter(({ replay }) => !replay.done);
  }

  step(): InputStep {
    const [first, ...rest] = this.#left;
    if (first === undefined) return this.#behind.step();
    const before = first.replay.records;
    do first.replay.step();
    while (!first.replay.done && !this.#gate.blocked && first.replay.records === before);
    this.#replayed += first.replay.records - before;
    if (first.replay.done) this.#left = rest;
    return "worked";
  }

  get records(): number {
    return this.#behind.records + this.#replayed;
  }

  get bytes(): number {
    return this.#behind.bytes;
  }

  get alignedBytes(): number {
    return this.#behind.alignedBytes ?? 0;
  }

  get isSource(): boolean {
    return this.#behind.isSource;
  }

  stop(): void {
    this.#behind.stop();
  }

  get barrier(): number {
    return this.#behind.barrier;
  }

  cut(checkpoint: number): void {
    this.#behind.cut(checkpoint);
  }

  mayOvertake(checkpoint: number): boolean {
    return this.#behind.mayOvertake(checkpoint);
  }

  overtake(checkpoint: number): readonly OperatorCapture[] {
    const replayed = this.#left.flatMap(({ operator, subtask, about, replay }) =>
      replay.record({ checkpoint, operator, subtask, about }).map((capture) => ({ operator, capture })),
    );
    return [...replayed, ...this.#behind.overtake(checkpoint)];
  }

  readAhead(): boolean {
    return this.#behind.readAhead();
  }

  abandon(checkpoint: number): void {
    this.#behind.abandon(checkpoint);
  }

  completed(checkpoint: number): void {
    this.#behind.completed(checkpoint);
  }

  aligned(watermark: number | null): void {
    this.#behind.aligned(watermark);
  }

  position(checkpoint: number): SourceSnapshot | undefined {
    return this.#behind.position(checkpoint);
  }

  close(): Promise<void> {
    return this.#behind.close();
  }
}
