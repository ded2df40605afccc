/** What is read back of a transaction's log, by answers of a broker that compacts as a test says. */

import { expect, test } from "vitest";
import { KafkaClient } from "../../../../connectors/kafka/client/kafka-client.ts";
import { crc32c } from "../../../../connectors/kafka/codec/crc32c.ts";
import { KafkaTransactions } from "../../../../connectors/kafka/sink/kafka-transactions.ts";
import type { WrittenRange } from "../../../../connectors/kafka/sink/prepared-transaction.ts";
import { batchesOf, retainedOf } from "../../../../connectors/kafka/sink/retained-batches.ts";
import { FakeBroker, fetched } from "../client/fake-broker.ts";
import { atOffset, batchOf, readAll } from "../codec/records.ts";

const producer = { transactionalId: "id", producerId: 7, producerEpoch: 0 };
const record = { key: null, timestamp: 0, headers: [] };

/** Two records of the producer at an offset. */
function two(offset: number, producerId = producer.producerId): Buffer {
  const values = [offset, offset + 1].map((value) => ({ ...record, value: `${value}` }));
  return atOffset(
    batchOf(values, "none", { ...producer, producerId, baseSequence: offset, transactional: true }),
    offset,
  );
}

/** The same, after compaction: of its records the first `left` are there, and its head speaks of the offsets of all. */
function compacted(offset: number, left: 0 | 1): Buffer {
  const whole = two(offset);
  const recordBytes = (whole.length - 61) / 2;
  const batch = Buffer.from(whole.subarray(0, 61 + left * recordBytes));
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(left, 57);
  batch.writeUInt32BE(crc32c(batch, 21), 17);
  return batch;
}

/** Transactions on a broker whose partition 0 of "t" holds these bytes. */
async function onLog(log: readonly Buffer[]) {
  const broker = await new FakeBroker(() => fetched({ partition: 0, records: Buffer.concat(log) })).listen();
  const client = new KafkaClient({ brokers: broker.address });
  return {
    port: new KafkaTransactions(client, 60_000),
    async [Symbol.asyncDispose]() {
      await client.close();
      await broker[Symbol.asyncDispose]();
    },
  };
}

/** Of each batch, those of its records. */
async function offsetsOf(batches: AsyncIterable<Uint8Array>): Promise<readonly (readonly number[])[]> {
  const offsets: number[][] = [];
  for await (const batch of batches) offsets.push(readAll(Buffer.from(batch)).map(({ offset }) => offset));
  return offsets;
}

const range: WrittenRange = { topic: "t", partition: 0, first: 0, last: 6, records: 8 };

test("of a transaction's log its own batches are read, and no others between them", async () => {
  await using bench = await onLog([two(0), two(2), two(4, 8), two(6), two(8)]);
  expect(await offsetsOf(bench.port.read(range, producer))).toEqual([
    [0, 1],
    [2, 3],
    [6, 7],
  ]);
});

test.each([
  ["of which nothing is left but the head", 0],
  ["of which a record is left", 1],
] as const)("a batch %s after compaction is no batch that can be written again", async (_, left) => {
  await using bench = await onLog([compacted(0, left), two(2), compacted(4, left), compacted(6, left)]);
  expect(await offsetsOf(bench.port.read(range, producer))).toEqual([[2, 3]]);
  const prepared = { kind: "millrace.kafka.transaction", ...producer, preparedAt: 0, written: [range] } as const;
  expect(await offsetsOf(batchesOf(range, prepared, bench.port, undefined))).toEqual([[2, 3]]);
  const kept = { ...prepared, written: [{ ...range, retained: true as const }] };
  const missing = (_: WrittenRange, found: number): Error => new Error(`${found} are left`);
  const retained = retainedOf(kept, bench.port, missing);
  await expect(offsetsOf(retained as AsyncIterable<Uint8Array>)).rejects.toThrow("2 are left");
});
