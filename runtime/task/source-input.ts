/** Where a source's records come from: its reader, run over the splits that its enumerator deals out. */

import { AssertionFailure } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import { ASYNC_TIMEOUT_MS, LOCAL_BATCH_ROWS, SOURCE_BATCH_RECORDS, SOURCE_FIRST_RECORDS } from "../../core/limits.ts";
import type { ReadStep, Source, SourceReader } from "../../core/source.ts";
import { positiveDurationMs } from "../../core/time.ts";
import type { SourceWatermarkSpec } from "../../core/watermark.ts";
import type { DealtSplit, SourceSnapshot } from "../protocol.ts";
import { plainBytes } from "../state/plain-bytes.ts";
import type { Chain } from "./chain.ts";
import { SourceAlignment } from "./source-alignment.ts";
import { SourceWatermarks } from "./source-watermarks.ts";
import type { OperatorCapture } from "./subtask-cut.ts";
import type { SubtaskGate } from "./subtask-gate.ts";
import type { InputStep, SubtaskInput } from "./subtask-input.ts";

export interface SourceInputOptions {
  readonly source: Source<unknown>;
  /** Absent: it makes none. */
  readonly watermarks?: SourceWatermarkSpec | undefined;
  readonly requestSplit: () => Promise<DealtSplit | undefined>;
  /** Says how far the slowest part is, for the sources of the group; undefined: none is read. */
  readonly align: (group: string, watermark: number | undefined) => void;
}

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
  readonly #watermarks: SourceWatermarks | undefined;
  /** Positions that checkpoints hold which are not complete yet. */
  readonly #positions = new Map<number, unknown>();

  constructor(chain: Chain, gate: SubtaskGate, options: SourceInputOptions) {
    const { source } = options;
    this.#chain = chain;
    this.#gate = gate;
    this.#watermarks = options.watermarks && watermarksOf(options.watermarks, chain, options.align);
    if (this.#watermarks !== undefined) chain.head.parts = this.#watermarks;
    this.#reader = createReader(source, chain);
    this.#watermarks?.pauseBy(this.#reader.pause?.bind(this.#reader));
    this.#requestSplit = options.requestSplit;
    this.#timeoutMs =
      source.timeout === undefined
        ? ASYNC_TIMEOUT_MS
        : positiveDurationMs(source.timeout, `timeout of source "${source.name}"`);
    this.#stretchMax = chain.edges.length === 0 ? SOURCE_BATCH_RECORDS : LOCAL_BATCH_ROWS;
    const { push } = this.#watermarks ?? chain;
    this.#push = (value, timestamp) => {
      this.records++;
      push(value, timestamp);
    };
  }

  step(): InputStep {
    if (this.#cutAsked !== 0 && this.#atRest && !this.#stopped) return this.#takeCut();
    if (this.#stopped && this.#atRest) this.#phase = "ended";
    this.#watermarks?.tick();
    if (this.#waiting && this.#phase !== "ended") return "empty";
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
        if (this.#watermarks?.held === true || this.#chain.head.clock.now() < this.#resumeAt) return "empty";
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

  /** Whether the reader does something outside when a checkpoint is complete. */
  get commits(): boolean {
    return this.#reader.checkpointCompleted !== undefined;
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

  completed(checkpoint: number): void {
    if (this.#positions.has(checkpoint)) {
      const position = this.#positions.get(checkpoint);
      this.#guarded(() => this.#reader.checkpointCompleted?.(checkpoint, position));
    }
    for (const each of this.#positions.keys()) if (each <= checkpoint) this.#positions.delete(each);
  }

  aligned(watermark: number | null): void {
    this.#watermarks?.aligned(watermark ?? undefined);
  }

  position(checkpoint: number): SourceSnapshot {
    const lastSerial = this.#lastSerial;
    const position = this.#split === undefined ? undefined : this.#reader.position();
    if (this.#reader.checkpointCompleted !== undefined) this.#positions.set(checkpoint, position);
    if (this.#split === undefined) return { lastSerial };
    return { lastSerial, current: plainBytes({ split: this.#split, position }) };
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
    const step = this.#guarded(() => this.#reader.read(this.#push, this.#stretch, this.#gate));
    if (typeof step !== "object") {
      this.#afterStep(step);
      return;
    }
    const settled = step.then((given) => {
      this.#settled = { step: given };
    });
    this.#await(settled, this.#timeoutMs, "read");
  }

  /** @throws what it throws, as the operator's failure */
  #guarded<R>(use: () => R): R {
    try {
      return use();
    } catch (error) {
      throw error instanceof AssertionFailure ? error : this.#chain.head.failure(error, undefined);
    }
  }

  #afterStep(step: ReadStep): void {
    this.#chain.batchEnd();
    this.#watermarks?.batchEnd();
    if (this.records >= this.#stretch) this.#stretch = Math.min(this.#stretchMax, 2 * this.#stretch);
    if (step === "more") return;
    const { head } = this.#chain;
    if (step === "end") {
      this.#phase = "needs-split";
      this.#split = undefined;
      this.#watermarks?.splitEnded();
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
      this.#watermarks?.splitBegun();
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

function watermarksOf(spec: SourceWatermarkSpec, chain: Chain, align: SourceInputOptions["align"]): SourceWatermarks {
  if (spec.align === undefined) return new SourceWatermarks(spec, chain, undefined);
  const { group, maxDriftMs } = spec.align;
  const report = (watermark: number | undefined): void => align(group, watermark);
  return new SourceWatermarks(spec, chain, new SourceAlignment(maxDriftMs, chain.head, report));
}
