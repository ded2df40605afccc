/**
 * Which subtask reads which partitions. A share is the split of this source: all partitions that one subtask reads at the
 * same time, for as long as the job runs.
 *
 * The law: a partition belongs to the share whose index `ownerOf` gives, and to no other. So every reader finds out by
 * itself which of the partitions that are new are its own, without asking anybody. Partitions of one topic are dealt out in
 * turns, each topic from another share on.
 */

import type { SourceCut } from "../../../core/source.ts";
import { murmur2 } from "./murmur2.ts";

export interface KafkaShare {
  readonly index: number;
  /** How many shares there are. */
  readonly count: number;
  readonly partitions: readonly SharePartition[];
}

/** A partition, and where reading it goes on and stops. */
export interface SharePartition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The offset behind the last one to read; null: there is no end. */
  readonly stop: number | null;
}

export function ownerOf({ topic, partition }: Pick<SharePartition, "topic" | "partition">, count: number): number {
  return ((murmur2(Buffer.from(topic)) & 0x7fff_ffff) + partition) % count;
}

/** One share for each subtask, also where it is empty: partitions may come that belong to it. */
export function sharesOf(partitions: readonly SharePartition[], count: number): KafkaShare[] {
  const byOwner = Map.groupBy(partitions, (each) => ownerOf(each, count));
  return Array.from({ length: count }, (_, index) => ({ index, count, partitions: byOwner.get(index) ?? [] }));
}

/**
 * The shares of a checkpoint, divided among another number of subtasks: all of them wait to be dealt out.
 * REQUIRES: a position is what the reader gave for its share.
 */
export function redistribute(cut: SourceCut<KafkaShare>, parallelism: number): SourceCut<KafkaShare> {
  const reading = cut.reading.map(({ split, position }) => (position as KafkaShare | undefined) ?? split);
  const waiting = cut.enumerator as readonly KafkaShare[]; // of `inOrder`
  const partitions = [...reading, ...waiting].flatMap((share) => share.partitions);
  return { reading: [], enumerator: sharesOf(partitions, parallelism) };
}
