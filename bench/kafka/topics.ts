/** Fills the input topic, and checks what a job has written. */

import { BatchProducer } from "../../connectors/kafka/client/batch-producer.ts";
import { Fetcher } from "../../connectors/kafka/client/fetcher.ts";
import { KafkaClient } from "../../connectors/kafka/client/kafka-client.ts";
import { RecordBatchBuilder } from "../../connectors/kafka/codec/record-batch-builder.ts";
import { RecordColumns } from "../../connectors/kafka/codec/record-columns.ts";
import {
  type Bid,
  bidAt,
  type Expected,
  partitionOf,
  sentinel,
  sumOfBid,
  sumOfWindow,
  textOf,
  type WindowCount,
} from "./bids.ts";
import { committedEnds, PARTITIONS } from "./broker.ts";

const BATCH = 1000;

export async function fill(brokers: string, topic: string, messages: number): Promise<void> {
  await using client = new KafkaClient({ brokers });
  const producer = new BatchProducer(client);
  const builders = Array.from({ length: PARTITIONS }, () => new RecordBatchBuilder());
  const sending = builders.map((): Promise<unknown> => Promise.resolve());
  const append = async (partition: number, bid: Bid, last: boolean): Promise<void> => {
    const builder = builders[partition] as RecordBatchBuilder; // one for each partition
    builder.append(String(bid.auction), textOf(bid), bid.dateTime);
    if (builder.count < BATCH && !last) return;
    const batch = builder.finish();
    await sending[partition];
    sending[partition] = producer.send([{ topic, partition, batch }]);
  };
  for (let index = 0; index < messages; index++) {
    const bid = bidAt(index);
    await append(partitionOf(bid, PARTITIONS), bid, false);
  }
  for (let partition = 0; partition < PARTITIONS; partition++) await append(partition, sentinel, true);
  await Promise.all(sending);
}

/** Reads all that is committed. */
export async function checked(client: KafkaClient, topic: string, job: "j1" | "j2"): Promise<Expected> {
  const ends = await committedEnds(client, topic);
  const fetcher = new Fetcher(client, {});
  const columns = new RecordColumns();
  let left = 0;
  for (const [partition, end] of ends.entries()) {
    if (end === 0) continue;
    left++;
    fetcher.follow({ topic, partition }, 0);
  }
  let [count, sum] = [0, 0];
  while (left > 0) {
    const fetched = fetcher.take();
    if (fetched === undefined) {
      await fetcher.wait();
      continue;
    }
    while (fetched.records.next(columns)) {
      for (let row = 0; row < columns.count; row++) {
        const value = JSON.parse(String(columns.value(row))) as Bid & WindowCount;
        if (Number(value.auction) === 0) continue; // the sentinel
        count++;
        sum += job === "j1" ? sumOfBid(value) : sumOfWindow({ ...value, auction: Number(value.auction) });
      }
    }
    if (fetched.records.nextOffset >= (ends[fetched.partition] as number)) left--;
  }
  fetcher.close();
  return { count, sum };
}
