/** Where a subtask's records come from: channels from other subtasks, or a source (`source-input.ts`). */

import type { Push } from "../../core/operator.ts";
import type { InputChannel } from "../exchange/channel.ts";
import { faultPoint } from "../fault-point.ts";
import type { SourceSnapshot } from "../protocol.ts";
import { BarrierAligner } from "./barrier-aligner.ts";
import type { Chain } from "./chain.ts";
import { type ChannelOrigin, type OvertakenBy, OvertakenInputs } from "./overtaken-inputs.ts";
import type { OperatorCapture } from "./subtask-cut.ts";
import type { SubtaskGate } from "./subtask-gate.ts";
import { WatermarkValve } from "./watermark-valve.ts";

/**
 * "worked": call again; "empty": nothing to do at the moment; "barrier": all that is before the checkpoint `barrier` has
 * come and nothing that is behind it; "ended": nothing will come.
 */
export type InputStep = "worked" | "empty" | "barrier" | "ended";

export interface SubtaskInput {
  /** Takes one batch or less. REQUIRES: the gate is open. */
  step(): InputStep;
  readonly records: number;
  /** Bytes of the frames that came from other slots. */
  readonly bytes: number;
  readonly isSource: boolean;
  /** A source ends as if it had read everything; what comes from other subtasks ends when they do. */
  stop(): void;
  /** The checkpoint of the last "barrier". */
  readonly barrier: number;
  /**
   * Of `bytes`, those that came between its first barrier and its last, or the moment at which it was not waited for any more;
   * absent: nothing is aligned.
   */
  readonly alignedBytes?: number;
  /** Asks for a cut. Sources make it; what reads from others waits for their barriers. */
  cut(checkpoint: number): void;
  /** Whether the cut may be taken before the barriers have come: they have where they cannot be overtaken. */
  mayOvertake(checkpoint: number): boolean;
  /** That cut is being taken: what gathers what is in flight. REQUIRES: it may be */
  overtake(checkpoint: number): readonly OperatorCapture[];
  /** Takes what is in flight off the channels, though the gate may be closed; true when there may be more. */
  readAhead(): boolean;
  /** The checkpoint is over: nothing is held for it any more. */
  abandon(checkpoint: number): void;
  /** The checkpoint is complete. */
  completed(checkpoint: number): void;
  /** Whether `completed` does something outside; absent: it does not. */
  readonly commits?: boolean;
  /** How far the sources have come that wait for this one; null: nobody there holds it back. */
  aligned(watermark: number | null): void;
  /** Where a source goes on, as the checkpoint holds it. REQUIRES: at a barrier, or ended. */
  position(checkpoint: number): SourceSnapshot | undefined;
  close(): Promise<void>;
}

/** Reads channels in turn, one batch from each that has one. */
export class ChannelInput implements SubtaskInput {
  readonly #channels: InputChannel[];
  readonly #chain: Chain;
  readonly #gate: SubtaskGate;
  readonly #valve: WatermarkValve;
  readonly #aligner: BarrierAligner;
  readonly #ended: boolean[];
  /** What takes the records of each channel. */
  readonly #pushes: readonly Push<unknown>[];
  readonly #overtaking: OvertakenInputs;
  /** The channel whose batch is being delivered, or the one that was polled last. */
  #current = -1;
  #delivering = false;
  #idle = false;
  readonly isSource = false;
  records = 0;
  bytes = 0;
  barrier = 0;
  alignedBytes = 0;
  /** What `bytes` was when the first barrier came. */
  #bytesBefore = 0;
  /** The checkpoint whose cut is due, 0 for none. */
  #due = 0;

  constructor(inputs: readonly ChannelOrigin[], chain: Chain, gate: SubtaskGate, overtaken: OvertakenBy) {
    const channels = inputs.map(({ channel }) => channel);
    this.#channels = channels;
    this.#overtaking = new OvertakenInputs(channels, inputs, overtaken);
    this.#chain = chain;
    this.#gate = gate;
    this.#valve = new WatermarkValve(channels.length);
    this.#aligner = new BarrierAligner(channels.length);
    this.#ended = channels.map(() => false);
    const entry = chain.entryOf(overtaken.operator);
    this.#pushes = inputs.map(({ port }) => entry.pushOf(port));
  }

  step(): InputStep {
    if (this.#delivering) {
      this.#deliver();
      return "worked";
    }
    for (let turn = 0; turn < this.#channels.length; turn++) {
      this.#current = this.#current + 1 === this.#channels.length ? 0 : this.#current + 1;
      if (this.#ended[this.#current] === true || this.#aligner.isHeld(this.#current)) continue;
      this.#overtaking.giveBack(this.#current);
      if (!this.#takeFrom(this.#channels[this.#current] as InputChannel)) continue;
      if (this.#due === 0) return "worked";
      this.barrier = this.#due;
      this.#due = 0;
      return "barrier";
    }
    return this.#valve.allEnded ? "ended" : "empty";
  }

  stop(): void {}

  cut(): void {}

  mayOvertake(checkpoint: number): boolean {
    return this.#channels.every(
      (_, input) =>
        this.#ended[input] === true || this.#overtaking.canBe(input) || this.#aligner.hasArrived(input, checkpoint),
    );
  }

  overtake(checkpoint: number): readonly OperatorCapture[] {
    if (this.#delivering && this.#isWhole) this.#endBatch();
    const midBatch = this.#delivering ? this.#current : -1;
    const captures = this.#overtaking.record(checkpoint, midBatch, (input) => ({
      ...this.#valve.said(input),
      ended: this.#ended[input] === true,
      arrived: this.#aligner.hasArrived(input, checkpoint),
    }));
    this.alignedBytes = this.#aligner.aligning === checkpoint ? this.bytes - this.#bytesBefore : 0;
    this.#aligner.abandon(checkpoint);
    return captures;
  }

  readAhead(): boolean {
    return this.#overtaking.readAhead();
  }

  abandon(checkpoint: number): void {
    this.#aligner.abandon(checkpoint);
    this.#overtaking.abandon(checkpoint);
  }

  completed(): void {}

  aligned(): void {}

  position(): undefined {}

  async close(): Promise<void> {}

  #takeFrom(channel: InputChannel): boolean {
    const input = this.#current;
    switch (channel.poll()) {
      case undefined:
        return false;
      case "batch":
        this.records += channel.batch.rows;
        this.bytes += channel.batch.frame?.length ?? 0;
        this.#startBatch(channel);
        return true;
      case "watermark":
        this.#risen(this.#valve.watermark(input, channel.watermarkRead));
        return true;
      case "idle":
        this.#risen(this.#valve.idle(input, true));
        return true;
      case "active":
        this.#risen(this.#valve.idle(input, false));
        return true;
      case "barrier":
        this.#align(() => this.#aligner.barrier(input, channel.barrierRead));
        if (this.#due === 0) faultPoint("slot.aligning");
        return true;
      case "end":
        this.#align(() => this.#aligner.end(input));
        this.#ended[input] = true;
        this.#risen(this.#valve.end(input));
        return true;
    }
  }

  /** Notes the cut that is due, and what has come while it was aligned. */
  #align(come: () => number): void {
    const before = this.#aligner.aligning;
    this.#due = come();
    const { aligning } = this.#aligner;
    if (aligning !== 0 && aligning !== before) this.#bytesBefore = this.bytes;
    if (this.#due !== 0) this.alignedBytes = this.#due === before ? this.bytes - this.#bytesBefore : 0;
  }

  #startBatch(channel: InputChannel): void {
    const { frame } = channel.batch;
    if (frame !== undefined && this.#chain.pushFrame !== undefined) {
      this.#delivering = true;
      this.#chain.pushFrame(frame);
      if (!this.#gate.blocked) this.#endBatch();
      return;
    }
    this.#delivering = true;
    this.#deliver();
  }

  #deliver(): void {
    const { batch } = this.#channels[this.#current] as InputChannel;
    // A frame that was pushed whole is done as soon as its operator lets input in again.
    if (this.#isWhole || batch.deliver(this.#pushes[this.#current] as Push<unknown>, this.#gate)) this.#endBatch();
  }

  /** Whether the batch was pushed as a frame. */
  get #isWhole(): boolean {
    const { batch } = this.#channels[this.#current] as InputChannel;
    return batch.frame !== undefined && this.#chain.pushFrame !== undefined;
  }

  #endBatch(): void {
    this.#delivering = false;
    (this.#channels[this.#current] as InputChannel).release();
    this.#chain.batchEnd();
  }

  #risen(risen: boolean): void {
    if (risen) this.#chain.watermark(this.#valve.current);
    const idle = this.#valve.allIdle && !this.#valve.allEnded;
    if (idle === this.#idle) return;
    this.#idle = idle;
    this.#chain.head.markIdle(idle);
  }
}
