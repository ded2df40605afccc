/**
 * The channels of a subtask when it is cut before their barriers have come, for an unaligned checkpoint: which of them can be
 * overtaken, and what was in flight on them.
 *
 * Barriers are overtaken only where a restart can deal records out anew, at any parallelism, and keep the order of each key:
 *
 *   hash                 to whoever has the key now
 *   rebalance, global    to anyone: no order is kept between subtasks
 *   forward, rescale     never: they keep the order of what was keyed before, and nobody knows by what key
 *   broadcast            never: each subtask has its own copy, and some may have taken in what others have not
 *   custom               never: the program's function need not answer the same twice
 *
 * On the others the cut waits for the barrier as ever.
 */

import type { OperatorId } from "../../core/ids.ts";
import type { KeyGroupRange } from "../../core/key-group.ts";
import { READ_AHEAD_BYTES } from "../../core/limits.ts";
import type { Port } from "../../core/node.ts";
import type { Partitioning } from "../../core/partitioning.ts";
import type { InputChannel } from "../exchange/channel.ts";
import { OvertakenChannel } from "../exchange/overtaken-channel.ts";
import { faultPoint } from "../fault-point.ts";
import { InFlightLog } from "./in-flight-log.ts";
import type { OperatorCapture } from "./subtask-cut.ts";

/** A channel and where it comes from. */
export interface ChannelOrigin {
  readonly channel: InputChannel;
  /** Which of the operator's inputs it belongs to. */
  readonly input: number;
  /** To which input of an operator with two that leads; undefined: it has one. */
  readonly port: Port | undefined;
  /** How records find their subtasks: as the program says, and as it was settled for these parallelisms. */
  readonly wanted: Partitioning["kind"];
  readonly settled: Partitioning["kind"];
  readonly fields: readonly string[] | undefined;
}

/** Whose channels they are. */
export interface OvertakenBy {
  readonly operator: OperatorId;
  readonly subtask: number;
  /** The key groups of whoever may get what is in flight after a restart. */
  readonly about: KeyGroupRange;
}

/** How far a channel has come at the cut. */
export interface ChannelProgress {
  readonly watermark: number;
  readonly idle: boolean;
  readonly ended: boolean;
  /** The checkpoint's barrier has come. */
  readonly arrived: boolean;
}

const overtakable: ReadonlySet<Partitioning["kind"]> = new Set(["hash", "rebalance", "global"]);

export class OvertakenInputs {
  /** The subtask's own list: a channel that is overtaken is replaced until all that was read ahead is delivered. */
  readonly #channels: InputChannel[];
  readonly #origins: readonly ChannelOrigin[];
  readonly #by: OvertakenBy;
  readonly #overtaken = new Map<number, OvertakenChannel>();

  constructor(channels: InputChannel[], origins: readonly ChannelOrigin[], by: OvertakenBy) {
    this.#channels = channels;
    this.#origins = origins;
    this.#by = by;
  }

  canBe(input: number): boolean {
    const { wanted, settled } = this.#origins[input] as ChannelOrigin;
    return overtakable.has(wanted) || settled === "rebalance";
  }

  /** `midBatch`: the channel whose batch is being delivered, -1 for none. */
  record(
    checkpoint: number,
    midBatch: number,
    progressOf: (input: number) => ChannelProgress,
  ): readonly OperatorCapture[] {
    const { operator, subtask, about } = this.#by;
    const log = new InFlightLog({ checkpoint, operator, about, name: { subtask, generation: 0, part: 0 } });
    for (const [channel, origin] of this.#origins.entries()) {
      const recorder = log.channel(origin.input);
      const { watermark, idle, ended, arrived } = progressOf(channel);
      // Of one that has said nothing yet this is said: it holds back event time until it says something.
      recorder.add(idle ? "idle" : "active", Number.NaN, undefined);
      if (watermark > Number.NEGATIVE_INFINITY) recorder.add("watermark", watermark, undefined);
      if (ended) recorder.add("end", Number.NaN, undefined);
      if (ended || arrived) recorder.done();
      else this.#overtake(channel, channel === midBatch).record(checkpoint, recorder);
    }
    if (this.#overtaken.size > 0) faultPoint("slot.overtaking");
    return [{ operator, capture: log }];
  }

  /** One element of each channel that is being recorded, as long as there is room; true when there may be more. */
  readAhead(): boolean {
    if (this.#overtaken.size === 0) return false;
    let bytes = 0;
    for (const channel of this.#overtaken.values()) bytes += channel.bytesAhead;
    let read = false;
    for (const channel of this.#overtaken.values()) if (bytes < READ_AHEAD_BYTES && channel.readAhead()) read = true;
    return read;
  }

  /** The channel is about to be read: as it was before, if nothing is left that was read ahead. */
  giveBack(input: number): void {
    if (this.#overtaken.size === 0) return;
    const overtaken = this.#overtaken.get(input);
    if (overtaken?.isOver !== true) return;
    this.#overtaken.delete(input);
    this.#channels[input] = overtaken.inner;
  }

  abandon(checkpoint: number): void {
    for (const overtaken of this.#overtaken.values()) overtaken.abandon(checkpoint);
  }

  #overtake(input: number, midBatch: boolean): OvertakenChannel {
    const known = this.#overtaken.get(input);
    if (known !== undefined) return known;
    const { channel: inner, fields } = this.#origins[input] as ChannelOrigin;
    const overtaken = new OvertakenChannel({ inner, operator: this.#by.operator, fields, midBatch });
    this.#overtaken.set(input, overtaken);
    this.#channels[input] = overtaken;
    return overtaken;
  }
}
