/** Writes records into topics, for tests of what reads them. */

import { BatchProducer } from "../../../connectors/kafka/client/batch-producer.ts";
import { KafkaClient } from "../../../connectors/kafka/client/kafka-client.ts";
import {
  type Field,
  type HeaderField,
  RecordBatchBuilder,
} from "../../../connectors/kafka/codec/record-batch-builder.ts";
import { brokers } from "./on-kafka.ts";

export interface WrittenRecord {
  readonly key?: Field;
  readonly value: Field;
  readonly at?: number;
  readonly headers?: readonly HeaderField[];
}

/** In batches of so many. */
export async function writeRecords(
  topic: string,
  partition: number,
  records: readonly WrittenRecord[],
  batchRecords = 100,
  at: readonly string[] = brokers,
): Promise<void> {
  await using client = new KafkaClient({ brokers: at });
  const producer = new BatchProducer(client);
  for (let start = 0; start < records.length; start += batchRecords) {
    const builder = new RecordBatchBuilder("lz4");
    for (const { key = null, value, at = 0, headers } of records.slice(start, start + batchRecords))
      builder.append(key, value, at, headers);
    await producer.send([{ topic, partition, batch: builder.finish() }]);
  }
}
