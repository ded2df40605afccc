/**
 * Takes in what was in flight to an operator at the checkpoint that is restored, before anything new comes.
 *
 *  1. Older generations first: what was still being replayed at the checkpoint is older than what its channels held.
 *  2. Of the logs of a generation, each of which is in the order in which its subtask would have had it, the one goes on
 *     that is behind in event time. So a record is late if it was late behind its own channel's watermark.
 *  3. The operator's watermark is the least of the logs'.
 *  4. At another parallelism a keyed record is taken by whoever has its key now, and what is not keyed by one subtask a log.
 */

import type { Gate, Push } from "../../core/operator.ts";
import type { Batch } from "../exchange/channel.ts";
import { LocalBatch, type LocalRows } from "../exchange/local-channel.ts";
import type { ChannelRecorder } from "../exchange/overtaken-channel.ts";
import { RowsEncoder, restOf } from "../exchange/rows-encoder.ts";
import { SharedBatch } from "../exchange/shared-channel.ts";
import type { InFlightElement, InFlightName } from "../state/in-flight-block.ts";
import { InFlightLog, type InFlightLogOptions } from "./in-flight-log.ts";
import { WatermarkValve } from "./watermark-valve.ts";

/** What was on its way to one former subtask of an operator. */
export interface RestoredLog extends InFlightName {
  /** Of the operator when it was cut. */
  readonly parallelism: number;
  readonly elements: readonly InFlightElement[];
}

/** The operator that takes it in. */
export interface ReplayTarget {
  readonly operator: string;
  /** What takes the records of an input. */
  pushOf(input: number): Push<unknown>;
  watermark(timestamp: number): void;
  batchEnd(): void;
  readonly gate: Gate;
  /** Whether a record of a log is for this subtask; undefined: none of the input's is. */
  filter(log: RestoredLog, input: number): ((value: unknown) => boolean) | undefined;
}

type LogOptions = Omit<InFlightLogOptions, "name"> & { readonly subtask: number };

/** The filter of who takes all. */
export const everything = (): boolean => true;

export class InFlightReplay {
  readonly #target: ReplayTarget;
  /** By generation, the oldest first. */
  #left: readonly (readonly LogReplay[])[];
  #watermark = Number.NEGATIVE_INFINITY;
  records = 0;

  constructor(logs: readonly RestoredLog[], target: ReplayTarget) {
    this.#target = target;
    const generations = Map.groupBy(logs, ({ generation }) => generation);
    this.#left = [...generations]
      .sort(([a], [b]) => b - a)
      .map(([, parts]) => parts.map((log) => new LogReplay(log, target)));
    this.#skipEnded();
  }

  get done(): boolean {
    return this.#left.length === 0;
  }

  /** Takes in one element, or a part of it. REQUIRES: not done, and the gate is open. */
  step(): void {
    const logs = this.#left[0] as readonly LogReplay[];
    const behind = logs.filter(({ done }) => !done).reduce((a, b) => (b.watermark < a.watermark ? b : a));
    this.records += behind.step();
    const watermark = Math.min(...logs.map((log) => log.watermark));
    this.#skipEnded();
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    this.#target.watermark(watermark);
  }

  /** The subtask is cut now: what has not been taken in is in flight again. */
  record({ subtask, ...options }: LogOptions): readonly InFlightLog[] {
    // Those of a generation are of an older one now; what comes behind keeps its distance.
    return this.#left.flatMap((logs, at) =>
      logs.map((replay, part) => {
        const log = new InFlightLog({ ...options, name: { subtask, generation: this.#left.length - at, part } });
        replay.record((input) => log.channel(input));
        return log;
      }),
    );
  }

  #skipEnded(): void {
    while (this.#left[0]?.every(({ done }) => done) === true) this.#left = this.#left.slice(1);
  }
}

class LogReplay {
  readonly #log: RestoredLog;
  readonly #target: ReplayTarget;
  readonly #frames: SharedBatch;
  /** The one that is being taken in. */
  #batch: Batch;
  readonly #valve: WatermarkValve;
  /** Which of the operator's inputs each channel belongs to. */
  readonly #inputs: readonly number[];
  readonly #ended: boolean[];
  #next = 0;
  /** The channel whose batch is being taken in, -1 for none. */
  #midBatch = -1;

  constructor(log: RestoredLog, target: ReplayTarget) {
    this.#log = log;
    this.#target = target;
    this.#frames = new SharedBatch(target.operator);
    this.#batch = this.#frames;
    const inputs: number[] = [];
    for (const { channel, input } of log.elements) inputs[channel] = input;
    this.#inputs = Array.from(inputs, (input) => input ?? 0);
    this.#valve = new WatermarkValve(inputs.length);
    this.#ended = inputs.map(() => false);
  }

  get done(): boolean {
    return this.#next === this.#log.elements.length && this.#midBatch < 0;
  }

  get watermark(): number {
    return this.#valve.current;
  }

  /** @returns how many records were taken in. */
  step(): number {
    if (this.#midBatch >= 0) return this.#deliver();
    const element = this.#log.elements[this.#next++] as InFlightElement;
    const { kind, channel, time, frame } = element;
    switch (kind) {
      case "batch":
        this.#frames.bind(frame as Uint8Array);
        this.#batch = this.#frames;
        this.#midBatch = channel;
        return this.#deliver();
      case "watermark":
        this.#valve.watermark(channel, time);
        break;
      case "idle":
      case "active":
        this.#valve.idle(channel, kind === "idle");
        break;
      case "end":
        this.#ended[channel] = true;
        this.#valve.end(channel);
    }
    return 0;
  }

  #deliver(): number {
    const { gate } = this.#target;
    const push = this.#target.pushOf(this.#inputs[this.#midBatch] as number);
    const isWanted = this.#filter(this.#midBatch);
    let taken = 0;
    const pushWanted: Push<unknown> = (value, timestamp) => {
      if (!isWanted(value)) return;
      taken++;
      push(value, timestamp);
    };
    if (!this.#batch.deliver(pushWanted, gate)) return taken;
    this.#midBatch = -1;
    this.#target.batchEnd();
    return taken;
  }

  #filter(channel: number): (value: unknown) => boolean {
    return this.#target.filter(this.#log, this.#inputs[channel] as number) ?? (() => false);
  }

  record(open: (input: number) => ChannelRecorder): void {
    const recorders = this.#inputs.map((input, channel) => {
      const recorder = open(input);
      const { watermark, idle } = this.#valve.said(channel);
      recorder.add(idle ? "idle" : "active", Number.NaN, undefined);
      if (watermark > Number.NEGATIVE_INFINITY) recorder.add("watermark", watermark, undefined);
      if (this.#ended[channel] === true) recorder.add("end", Number.NaN, undefined);
      return recorder;
    });
    const writer = new LogWriter(this.#target.operator, recorders);
    if (this.#midBatch >= 0) this.#recordRest(writer);
    for (const { kind, channel, time, frame } of this.#log.elements.slice(this.#next)) {
      const isWanted = this.#filter(channel);
      if (frame === undefined || isWanted === everything) recorders[channel]?.add(kind, time, frame);
      else {
        const batch = new SharedBatch(this.#target.operator);
        batch.bind(frame);
        writer.write(channel, restOf(batch, isWanted));
      }
    }
    for (const recorder of recorders) recorder.done();
  }

  /** The rest stays to be taken in, too. */
  #recordRest(writer: LogWriter): void {
    const rest = restOf(this.#batch, this.#filter(this.#midBatch));
    writer.write(this.#midBatch, rest);
    const left = new LocalBatch();
    left.bind(rest);
    this.#batch = left;
  }
}

/** Writes what of batches is for this subtask: after a restart at the same parallelism nobody asks again for whom it is. */
class LogWriter {
  readonly #recorders: readonly ChannelRecorder[];
  readonly #encoder: RowsEncoder;

  constructor(operator: string, recorders: readonly ChannelRecorder[]) {
    this.#recorders = recorders;
    this.#encoder = new RowsEncoder(operator, undefined);
  }

  write(channel: number, rows: LocalRows): void {
    const recorder = this.#recorders[channel] as ChannelRecorder;
    try {
      if (rows.rows > 0) recorder.add("batch", Number.NaN, this.#encoder.frameOf(rows));
    } catch (cause) {
      recorder.fail(cause);
    }
  }
}
