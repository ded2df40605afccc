/**
 * One edge's outgoing side in a subtask: the partitioner in front of its channels.
 *
 * Records go to the channel that the partitioning names; watermarks, idleness, barriers and the end go to all.
 */

import { unreachable } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import { hashKey, type KeySelector } from "../../core/key.ts";
import { keyGroupOf, subtaskOfKeyGroup } from "../../core/key-group.ts";
import { WATERMARKS_SENT_AT_ONCE } from "../../core/limits.ts";
import type { Output, Push } from "../../core/operator.ts";
import type { Partitioning } from "../../core/partitioning.ts";
import { windowsModule } from "../../operators/window/load-windows.ts";
import type { PreAggregation, PreAggregator, PreAggregatorOptions } from "../../operators/window/pre-aggregator.ts";
import type { OutputChannel } from "../exchange/channel.ts";
import { HotKeys } from "./hot-keys.ts";
import type { SubtaskGate } from "./subtask-gate.ts";

export interface EdgeOutputOptions {
  readonly kind: Partitioning["kind"];
  /** The partitioning as the program gave it, with its functions. */
  readonly partitioning: Partitioning;
  readonly channels: readonly OutputChannel[];
  readonly keyGroups: number;
  readonly gate: SubtaskGate;
  /** The consuming operator, named in errors. */
  readonly toOperator: string;
  readonly failure: (cause: unknown, value: unknown) => Error;
  /** The window for which records are aggregated before they are sent, of which keys, and what the time is. */
  readonly preAggregate?: Pick<PreAggregatorOptions, "spec" | "clock"> & { readonly keys: PreAggregation };
}

export class EdgeOutput implements Output {
  readonly push: Push<unknown>;
  readonly #channels: OutputChannel[];
  readonly #gate: SubtaskGate;
  readonly #preAggregator: PreAggregator | undefined;
  /** Where it depends on the consumers whether any are aggregated. */
  readonly #hotKeys: HotKeys | undefined;
  /** So many more are sent at once, before watermarks wait for full batches. */
  #watermarksUntilFull = WATERMARKS_SENT_AT_ONCE;

  constructor(options: EdgeOutputOptions) {
    this.#channels = [...options.channels];
    this.#gate = options.gate;
    const push = createPush({ ...options, channels: this.#channels });
    const { preAggregate, toOperator: operator, failure } = options;
    if (preAggregate?.keys === "underPressure")
      this.#hotKeys = new HotKeys(this.#channels, { ...preAggregate, operator, failure });
    else this.#preAggregator = preAggregate && preAggregator(preAggregate, push, options);
    this.push = this.#preAggregator?.push ?? push;
  }

  watermark(timestamp: number): void {
    this.#preAggregator?.watermark(timestamp);
    for (const channel of this.#channels) channel.watermark(timestamp);
    if (this.#watermarksUntilFull === 0) return;
    this.#watermarksUntilFull--;
    this.flush();
  }

  idle(idle: boolean): void {
    this.#preAggregator?.send();
    for (const channel of this.#channels) channel.idle(idle);
    this.#closeIfBlocked();
  }

  /** Behind everything that was pushed so far, on every channel. */
  barrier(checkpoint: number): void {
    this.#preAggregator?.send();
    for (const channel of this.#channels) channel.barrier(checkpoint);
    this.#closeIfBlocked();
  }

  end(): void {
    this.#preAggregator?.send();
    for (const channel of this.#channels) channel.end();
    this.#closeIfBlocked();
  }

  flush(): void {
    this.#preAggregator?.flush();
    for (const channel of this.#channels) channel.flush();
    this.#closeIfBlocked();
  }

  /** Sends what waits for credit; true when nothing waits any more. */
  drain(): boolean {
    this.#hotKeys?.look();
    let empty = true;
    for (const channel of this.#channels) if (channel.blocked && !channel.drain()) empty = false;
    return empty;
  }

  get blocked(): boolean {
    return this.#channels.some((channel) => channel.blocked);
  }

  get records(): number {
    return this.#channels.reduce((sum, channel) => sum + channel.records, 0);
  }

  get bytes(): number {
    return this.#channels.reduce((sum, channel) => sum + channel.bytes, 0);
  }

  #closeIfBlocked(): void {
    if (this.blocked) this.#gate.close();
  }
}

function createPush(options: EdgeOutputOptions): Push<unknown> {
  const { channels, gate, kind } = options;
  const writeTo = (channel: OutputChannel, value: unknown, timestamp: number): void => {
    channel.write(value, timestamp);
    if (channel.blocked) gate.blocked = true;
  };
  const choose = channelChooser(options);
  if (kind === "broadcast") {
    return (value, timestamp) => {
      for (const channel of channels) writeTo(channel, value, timestamp);
    };
  }
  if (choose === undefined || channels.length === 1)
    return (value, timestamp) => writeTo(channels[0] as OutputChannel, value, timestamp);
  return (value, timestamp) => writeTo(channels[choose(value)] as OutputChannel, value, timestamp);
}

/** Records that it lets by go where they went without it, partials to the subtask of their key. */
function preAggregator(
  preAggregate: NonNullable<EdgeOutputOptions["preAggregate"]>,
  push: Push<unknown>,
  options: EdgeOutputOptions,
): PreAggregator {
  const { channels, gate, toOperator: operator, failure } = options;
  const { PreAggregator, keyOfPartial } = windowsModule();
  const choose = hashChooser(keyOfPartial, options);
  return new PreAggregator({
    ...{ ...preAggregate, keys: preAggregate.keys === "all" ? "all" : "hot", operator, push, failure },
    pushPartial: (sent, partial, timestamp) => {
      const channel = channels[choose(partial)] as OutputChannel;
      channel.write(sent, timestamp);
      if (channel.blocked) gate.blocked = true;
    },
  });
}

/** The number of the channel for a record; undefined when there is one only. */
function channelChooser(options: EdgeOutputOptions): ((value: unknown) => number) | undefined {
  const { partitioning, channels } = options;
  switch (options.kind) {
    case "forward":
    case "global":
    case "broadcast":
      return undefined;
    case "hash":
      return hashChooser((partitioning as { readonly key: KeySelector }).key, options);
    case "rebalance":
    case "rescale":
      return roundRobin(channels.length);
    case "custom":
      return customChooser(options);
    default:
      return unreachable(options.kind);
  }
}

function hashChooser(key: KeySelector, options: EdgeOutputOptions): (value: unknown) => number {
  const { keyGroups, toOperator, failure } = options;
  const parallelism = options.channels.length;
  const channelOfGroup = Uint16Array.from({ length: keyGroups }, (_, group) =>
    subtaskOfKeyGroup(group, keyGroups, parallelism),
  );
  const { select } = key;
  return (value) => {
    let hash: number;
    try {
      hash = hashKey(select(value), toOperator);
    } catch (error) {
      throw failure(error, value);
    }
    return channelOfGroup[keyGroupOf(hash, keyGroups)] as number;
  };
}

function roundRobin(channels: number): () => number {
  let next = channels - 1;
  return () => {
    next = next + 1 === channels ? 0 : next + 1;
    return next;
  };
}

function customChooser(options: EdgeOutputOptions): (value: unknown) => number {
  const { channels, toOperator, failure } = options;
  const { choose } = options.partitioning as unknown as {
    readonly choose: (value: unknown, subtasks: number) => number;
  };
  return (value) => {
    let chosen: number;
    try {
      chosen = choose(value, channels.length);
    } catch (error) {
      throw failure(error, value);
    }
    if (Number.isInteger(chosen) && chosen >= 0 && chosen < channels.length) return chosen;
    throw failure(
      new MillraceError(
        "WRONG_SHAPE",
        `the partitionBy function in front of "${toOperator}" returned ${String(chosen)}; it must return a whole number from 0 to ${channels.length - 1}`,
        { operator: toOperator },
      ),
      value,
    );
  };
}
