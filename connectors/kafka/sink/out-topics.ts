/** The topics that a sink writes to, each with a lane for every partition, and which of them a record goes to. */

import { MillraceError } from "../../../core/errors.ts";
import type { Field } from "../codec/record-batch-builder.ts";
import { murmur2, murmur2OfAscii } from "../source/murmur2.ts";
import type { Lane } from "./outbox.ts";

export interface OutTopic {
  readonly name: string;
  /** One for each partition, in their order. */
  readonly lanes: readonly Lane[];
  /** Where records without a key go, until `turn` batches of it are finished. */
  next: number;
  turn: number;
}

/** Keys of up to so many characters are hashed in memory that is used again and again. */
const SCRATCH_CHARS = 1024;
const UTF8_BYTES_A_UNIT = 3;
const scratch = Buffer.allocUnsafe(SCRATCH_CHARS * UTF8_BYTES_A_UNIT);

/** The partition of a key, as the Java client's default partitioner computes it. */
export function partitionOf(key: string | Uint8Array, partitions: number): number {
  return (hashOf(key) & 0x7fff_ffff) % partitions;
}

function hashOf(key: string | Uint8Array): number {
  return typeof key === "string" ? (murmur2OfAscii(key) ?? murmur2(bytesOf(key))) : murmur2(key);
}

function bytesOf(key: string): Uint8Array {
  return key.length > SCRATCH_CHARS ? Buffer.from(key) : scratch.subarray(0, scratch.write(key));
}

export function laneOf(topic: OutTopic, key: Field): Lane {
  const { lanes } = topic;
  if (key !== null) return lanes[partitionOf(key, lanes.length)] as Lane; // below their number
  return laneInTurn(topic);
}

/** Records without a key fill a batch of one partition, then of the next: few large batches instead of many small ones. */
function laneInTurn(topic: OutTopic): Lane {
  let lane = topic.lanes[topic.next] as Lane; // `next` is below their number
  if (lane.finished !== topic.turn) {
    topic.next = (topic.next + 1) % topic.lanes.length;
    lane = topic.lanes[topic.next] as Lane; // likewise
    topic.turn = lane.finished;
  }
  return lane;
}

/** The lane that a user's function has chosen. @throws MillraceError BAD_RECORD */
export function laneAt({ name, lanes }: OutTopic, partition: number): Lane {
  const lane = lanes[partition];
  if (lane !== undefined) return lane;
  const message = `"partition" of the Kafka sink returned ${partition}; "${name}" has the partitions 0 to ${lanes.length - 1}`;
  throw new MillraceError("BAD_RECORD", message);
}
