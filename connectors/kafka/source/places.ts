/** Where reading begins and ends: what a program says of it, and the offsets that this means. */

import { MillraceError } from "../../../core/errors.ts";
import type { KafkaClient } from "../client/kafka-client.ts";
import type { TopicPartition } from "../protocol/api.ts";
import { fetchOffsets } from "../protocol/group-offsets.ts";
import { listOffsets, type OffsetAt } from "../protocol/list-offsets.ts";

export interface OffsetOf extends TopicPartition {
  readonly offset: number;
}

/**
 * "earliest" and "latest"; the first record of this or a later time; explicit offsets; or what a consumer group has
 * committed. Partitions that those two say nothing of are read from "earliest".
 */
export type KafkaStart =
  | "earliest"
  | "latest"
  | { readonly timestamp: number }
  | { readonly offsets: readonly OffsetOf[] }
  | { readonly group: string };

/**
 * What is there when the job starts; the records before the first of this or a later time; or those before explicit
 * offsets, which must be given for all partitions.
 */
export type KafkaEnd = "latest" | { readonly timestamp: number } | { readonly offsets: readonly OffsetOf[] };

const OFFSET_NONE = -1;

export interface PlaceOptions {
  readonly committedOnly: boolean;
  readonly signal?: AbortSignal;
}

/** The offset at which each partition begins, in their order. @throws KafkaFailure */
export async function startsOf(
  client: KafkaClient,
  partitions: readonly TopicPartition[],
  start: KafkaStart,
  options: PlaceOptions,
): Promise<number[]> {
  if (start === "earliest" || start === "latest") return listed(client, partitions, start, options);
  if ("timestamp" in start) return atTime(client, partitions, start.timestamp, options);
  const given = "offsets" in start ? start.offsets : await committed(client, partitions, start.group);
  const earliest = await listed(client, partitions, "earliest", options);
  return partitions.map((each, index) => find(given, each) ?? (earliest[index] as number));
}

/** The offset behind the last record to read of each partition. @throws KafkaFailure, MillraceError BAD_OPTION */
export async function endsOf(
  client: KafkaClient,
  partitions: readonly TopicPartition[],
  end: KafkaEnd,
  options: PlaceOptions,
): Promise<number[]> {
  if (end === "latest") return listed(client, partitions, end, options);
  if ("timestamp" in end) return atTime(client, partitions, end.timestamp, options);
  return partitions.map((each) => {
    const offset = find(end.offsets, each);
    if (offset !== undefined) return offset;
    const which = `partition ${each.partition} of "${each.topic}"`;
    throw new MillraceError("BAD_OPTION", `until must name an offset for every partition, and names none for ${which}`);
  });
}

function find(offsets: readonly OffsetOf[], { topic, partition }: TopicPartition): number | undefined {
  return offsets.find((each) => each.topic === topic && each.partition === partition)?.offset;
}

/** Where no record is that late, the end as it is now. */
async function atTime(
  client: KafkaClient,
  partitions: readonly TopicPartition[],
  timestamp: number,
  options: PlaceOptions,
): Promise<number[]> {
  const [found, latest] = await Promise.all([
    listed(client, partitions, timestamp, options),
    listed(client, partitions, "latest", options),
  ]);
  return found.map((offset, index) => (offset === OFFSET_NONE ? (latest[index] as number) : offset));
}

function listed(
  client: KafkaClient,
  partitions: readonly TopicPartition[],
  at: OffsetAt,
  { committedOnly, signal }: PlaceOptions,
): Promise<number[]> {
  const one = async (where: TopicPartition): Promise<number> => {
    const request = ({ epoch }: { readonly epoch: number }) =>
      listOffsets([{ ...where, at, leaderEpoch: epoch }], committedOnly);
    const [answer] = await client.toLeader(where, request, { signal });
    return answer?.offset ?? OFFSET_NONE;
  };
  return Promise.all(partitions.map(one));
}

async function committed(
  client: KafkaClient,
  partitions: readonly TopicPartition[],
  group: string,
): Promise<readonly OffsetOf[]> {
  const { offsets } = await client.toCoordinator("group", group, fetchOffsets(group, partitions));
  return offsets.filter(({ offset }) => offset !== OFFSET_NONE);
}
