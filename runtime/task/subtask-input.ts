/** Where a subtask's records come from: channels from other subtasks, or a source. */

import { AssertionFailure } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import { ASYNC_TIMEOUT_MS, LOCAL_BATCH_ROWS, SOURCE_BATCH_RECORDS, SOURCE_FIRST_RECORDS } from "../../core/limits.ts";
import type { Push } from "../../core/operator.ts";
import type { ReadStep, Source, SourceReader } from "../../core/source.ts";
import { positiveDurationMs } from "../../core/time.ts";
import type { InputChannel } from "../exchange/channel.ts";
import { faultPoint } from "../fault-point.ts";
import type { DealtSplit, SourceSnapshot } from "../protocol.ts";
import { plainBytes } from "../state/plain-bytes.ts";
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
  /** Where a source goes on. REQUIRES: at a barrier, or ended. */
  position(): SourceSnapshot | undefined;
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
        this.#due = this.#aligner.barrier(input, channel.barrierRead);
        if (this.#due === 0) faultPoint("slot.aligning");
        return true;
      case "end":
        this.#due = this.#aligner.end(input);
        this.#ended[input] = true;
        this.#risen(this.#valve.end(input));
        return true;
    }
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

/** Runs a source's reader over the splits that the enumerator deals out. */
export class SourceInput implements SubtaskInput {
  readonly #reader: SourceReader<unknown>;
  readonly #chain: Chain;
  readonly #gate: SubtaskGate;
  readonly #requestSplit: () => Promise<DealtSplit | undefined>;
  readonly #timeoutMs: number;
  /** How many records it reads at a stretch: few at first, so that the first results need not wait for many. */
  #stretch = SOURCE_FIRST_RECORDS;
  readonly #stretchMax: number;
  readonly #push: (value: unknown, timestamp: number) => void;
  #phase: "needs-split" | "reading" | "ended" = "needs-split";
  /** A promise of the source is pending: the operators go on meanwhile. */
  #waiting = false;
  /** It is pending for a split that may never come, and nothing of the source's own runs. */
  #requesting = false;
  #stopped = false;
  /** What a promise of `read` gave, not acted on yet. */
  #settled: { readonly step: ReadStep } | undefined;
  #resumeAt = Number.NEGATIVE_INFINITY;
  /** The split that was begun last, and its number; Infinity when there is no more. */
  #split: unknown;
  #lastSerial = 0;
  /** The checkpoint for which a cut is asked, 0 for none. */
  #cutAsked = 0;
  readonly isSource = true;
  readonly bytes = 0;
  records = 0;
  barrier = 0;

  constructor(
    source: Source<unknown>,
    chain: Chain,
    gate: SubtaskGate,
    requestSplit: () => Promise<DealtSplit | undefined>,
  ) {
    this.#chain = chain;
    this.#gate = gate;
    this.#reader = createReader(source, chain);
    this.#requestSplit = requestSplit;
    this.#timeoutMs =
      source.timeout === undefined
        ? ASYNC_TIMEOUT_MS
        : positiveDurationMs(source.timeout, `timeout of source "${source.name}"`);
    this.#stretchMax = chain.edges.length === 0 ? SOURCE_BATCH_RECORDS : LOCAL_BATCH_ROWS;
    const { push } = chain;
    this.#push = (value, timestamp) => {
      this.records++;
      push(value, timestamp);
    };
  }

  step(): InputStep {
    if (this.#cutAsked !== 0 && this.#atRest && !this.#stopped) return this.#takeCut();
    if (this.#stopped && this.#atRest) this.#phase = "ended";
    else if (this.#waiting) return "empty";
    if (this.#settled !== undefined) {
      const { step } = this.#settled;
      this.#settled = undefined;
      this.#afterStep(step);
      return "worked";
    }
    switch (this.#phase) {
      case "ended":
        return "ended";
      case "needs-split":
        // A source may have nothing to deal out for as long as it likes.
        this.#await(this.#beginSplit(), Number.POSITIVE_INFINITY, "the next split");
        return "empty";
      case "reading":
        if (this.#chain.head.clock.now() < this.#resumeAt) return "empty";
        this.#read();
        return "worked";
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  cut(checkpoint: number): void {
    this.#cutAsked = checkpoint;
  }

  mayOvertake(): boolean {
    return this.#atRest && !this.#stopped;
  }

  overtake(): readonly OperatorCapture[] {
    this.#cutAsked = 0;
    return [];
  }

  readAhead(): boolean {
    return false;
  }

  abandon(checkpoint: number): void {
    if (this.#cutAsked <= checkpoint) this.#cutAsked = 0;
  }

  position(): SourceSnapshot {
    const lastSerial = this.#lastSerial;
    if (this.#split === undefined) return { lastSerial };
    return { lastSerial, current: plainBytes({ split: this.#split, position: this.#reader.position() }) };
  }

  #takeCut(): InputStep {
    this.barrier = this.#cutAsked;
    this.#cutAsked = 0;
    return "barrier";
  }

  async close(): Promise<void> {
    await this.#reader.close?.();
  }

  /** Whether nothing of the source's own is under way, nor has come and was not acted on. */
  get #atRest(): boolean {
    return (this.#requesting || !this.#waiting) && this.#settled === undefined;
  }

  #read(): void {
    let step: ReadStep | Promise<ReadStep>;
    try {
      step = this.#reader.read(this.#push, this.#stretch, this.#gate);
    } catch (error) {
      throw error instanceof AssertionFailure ? error : this.#chain.head.failure(error, undefined);
    }
    if (typeof step !== "object") {
      this.#afterStep(step);
      return;
    }
    const settled = step.then((given) => {
      this.#settled = { step: given };
    });
    this.#await(settled, this.#timeoutMs, "read");
  }

  #afterStep(step: ReadStep): void {
    this.#chain.batchEnd();
    if (this.records >= this.#stretch) this.#stretch = Math.min(this.#stretchMax, 2 * this.#stretch);
    if (step === "more") return;
    const { head } = this.#chain;
    if (step === "end") {
      this.#phase = "needs-split";
      this.#split = undefined;
    } else if (typeof step === "number" && step >= 0) {
      this.#resumeAt = head.clock.now() + step;
      head.callAt(this.#resumeAt, () => {});
    } else {
      throw new MillraceError(
        "WRONG_SHAPE",
        `read of the source "${head.operator}" returned ${String(step)}; it must return "more", "end", a number of milliseconds, or a promise of one of these`,
        { operator: head.operator },
      );
    }
  }

  async #beginSplit(): Promise<void> {
    this.#requesting = true;
    const dealt = await this.#requestSplit();
    this.#requesting = false;
    if (dealt === undefined) {
      this.#lastSerial = Number.POSITIVE_INFINITY;
      this.#phase = "ended";
      // Stopped while it asked: nothing is begun that nobody would read.
    } else if (this.#stopped) this.#phase = "ended";
    else {
      await this.#reader.begin(dealt.split, dealt.position);
      this.#split = dealt.split;
      this.#lastSerial = dealt.serial;
      this.#phase = "reading";
    }
  }

  #await(promise: Promise<void>, timeoutMs: number, what: string): void {
    this.#waiting = true;
    const settled = this.#chain.head.withTimeout(promise, timeoutMs, what).then(() => {
      this.#waiting = false;
    });
    this.#gate.awaitInput(settled);
  }
}

function createReader(source: Source<unknown>, chain: Chain): SourceReader<unknown> {
  try {
    return source.reader(chain.head);
  } catch (error) {
    throw chain.head.failure(error, undefined);
  }
}
