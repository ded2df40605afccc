/**
 * What the log of a topic holds, whatever became of it: a line for each batch, with who wrote it under which epoch, and for
 * each marker of a transaction. It shows how a record came to be there twice, or was lost.
 */

import { KafkaClient } from "../../connectors/kafka/client/kafka-client.ts";
import { type BatchHeader, HEADER_BYTES, readBatchHeader } from "../../connectors/kafka/codec/batch-header.ts";
import { RecordColumns } from "../../connectors/kafka/codec/record-columns.ts";
import { RecordSet } from "../../connectors/kafka/codec/record-set.ts";
import { FETCH_BYTES } from "../../connectors/kafka/limits.ts";
import type { TopicPartition } from "../../connectors/kafka/protocol/api.ts";
import { type FetchedPartition, fetchRecords } from "../../connectors/kafka/protocol/fetch.ts";

const options = { waitMs: 100, bytesMin: 1, bytesMax: FETCH_BYTES, partitionBytesMax: FETCH_BYTES };
/** In the one record of a marker: behind its length, attributes, times, offset and the length and version of its key. */
const TYPE_AT = HEADER_BYTES + 7;
const types = ["abort", "commit"];

/** Partition by partition; with what brokers tell readers of committed records to leave out. */
export async function logOf(brokers: readonly string[], topic: string): Promise<string> {
  await using client = new KafkaClient({ brokers });
  const lines: string[] = [];
  for (let partition = 0; partition < (await client.partitionsOf(topic)); partition++) {
    lines.push(`${topic}/${partition}`, ...(await partitionLog(client, { topic, partition })), "");
  }
  return lines.join("\n");
}

async function partitionLog(client: KafkaClient, where: TopicPartition): Promise<string[]> {
  const lines: string[] = [];
  const aborted = new Set<string>();
  for (let offset = 0; ; ) {
    for (const each of (await fetched(client, where, offset, true)).aborted)
      aborted.add(`aborted: of producer ${each.producerId} from offset ${each.firstOffset} to its marker`);
    const { buffer, records, highWatermark } = await fetched(client, where, offset, false);
    if (offset >= highWatermark) return [...lines, ...aborted];
    for (let at = records.start; ; ) {
      const header = readBatchHeader(buffer, at, records.end);
      if (header === undefined) break;
      if (header.lastOffset >= offset) lines.push(lineOf(header, buffer));
      [at, offset] = [header.end, header.lastOffset + 1];
    }
  }
}

async function fetched(
  client: KafkaClient,
  { topic, partition }: TopicPartition,
  offset: number,
  committedOnly: boolean,
): Promise<FetchedPartition> {
  const { partitions } = await client.toLeader({ topic, partition }, ({ epoch }) =>
    fetchRecords([{ topic, partition, offset, leaderEpoch: epoch }], { ...options, committedOnly }),
  );
  return partitions[0] as FetchedPartition; // of the one that was asked for
}

function lineOf(header: BatchHeader, buffer: Buffer): string {
  const { baseOffset, lastOffset, partitionLeaderEpoch, producerId, producerEpoch, baseSequence, start, end } = header;
  const who = `${baseOffset}-${lastOffset} leader ${partitionLeaderEpoch} producer ${producerId} epoch ${producerEpoch}`;
  if (header.control) {
    const type = buffer.readInt16BE(start + TYPE_AT);
    return `  ${who} ${types[type] ?? type} ${new Date(header.baseTimestamp).toISOString()}`;
  }
  const columns = new RecordColumns();
  const set = new RecordSet(buffer, start, end, { from: baseOffset });
  const [first, last] = set.next(columns) ? [columns.value(0), columns.value(columns.count - 1)] : [null, null];
  return `  ${who} sequence ${baseSequence}: ${header.recordCount} records ${textOf(first)} … ${textOf(last)}`;
}

function textOf(value: Uint8Array | null): string {
  return value === null ? "null" : Buffer.from(value).toString();
}
