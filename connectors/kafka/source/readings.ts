/** The partitions that a share is reading, each with where it goes on and with what has come of it and has to wait. */

import type { FetchedRecords } from "../client/fetcher.ts";
import type { TopicPartition } from "../protocol/api.ts";
import type { SharePartition } from "./shares.ts";

/** A partition that is being read. */
export interface Reading extends TopicPartition {
  readonly name: string;
  offset: number;
  /** Infinity without one. */
  readonly stop: number;
  /** Behind the last record that its leader had. */
  end: number;
  /** Nothing of it may be pushed. */
  paused: boolean;
  /** What had come when it was paused, in order: at most what was being pushed, and the fetch behind it. */
  readonly parked: FetchedRecords[];
}

export class Readings {
  readonly #all = new Map<string, Reading>();

  get(partition: TopicPartition): Reading | undefined {
    return this.#all.get(nameOf(partition));
  }

  byName(name: string): Reading | undefined {
    return this.#all.get(name);
  }

  add({ topic, partition, offset, stop }: SharePartition): Reading {
    const name = nameOf({ topic, partition });
    const place = { offset, stop: stop ?? Number.POSITIVE_INFINITY, end: offset };
    const reading: Reading = { name, topic, partition, ...place, paused: false, parked: [] };
    this.#all.set(name, reading);
    return reading;
  }

  clear(): void {
    this.#all.clear();
  }

  /** Whether all are read to their stop. */
  get finished(): boolean {
    for (const reading of this.#all.values()) if (!isFinished(reading)) return false;
    return true;
  }

  /** The names of those that are not. */
  get open(): readonly string[] {
    return Array.from(this.#all.values()).flatMap((reading) => (isFinished(reading) ? [] : [reading.name]));
  }

  /** What waits of partitions that may be read again. */
  takeParked(): { readonly reading: Reading; readonly fetched: FetchedRecords } | undefined {
    for (const reading of this.#all.values()) {
      const fetched = reading.paused ? undefined : reading.parked.shift();
      if (fetched !== undefined) return { reading, fetched };
    }
    return undefined;
  }

  partitions(): SharePartition[] {
    return Array.from(this.#all.values(), ({ topic, partition, offset, stop }) => {
      return { topic, partition, offset, stop: stop === Number.POSITIVE_INFINITY ? null : stop };
    });
  }

  /** Records that are there and were not read. */
  get lag(): number {
    let lag = 0;
    for (const { end, offset, stop } of this.#all.values()) lag += Math.max(0, Math.min(end, stop) - offset);
    return lag;
  }
}

export function isFinished({ offset, stop }: Reading): boolean {
  return offset >= stop;
}

export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
