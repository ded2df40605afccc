/**
 * J1 and J2 by hand on kafkajs, as a program without an engine has to do it (environment: see `peers.ts`).
 *
 * Exactly once: a transaction for each batch that was fetched, with a producer for each partition, which holds the output and
 * the consumer's offset. J2 keeps its counts in memory and commits at the ends of windows only, so it is right only because
 * each partition is ordered by event time.
 */

import { type EachBatchPayload, Kafka, logLevel, type Message, type Producer } from "kafkajs";
import { calmKafkajs } from "../../connectors/kafka/client/kafkajs.ts";
import { type Bid, FACTOR, LIMIT, WINDOW_MS } from "./bids.ts";
import { PARTITIONS } from "./broker.ts";

calmKafkajs();
const { BROKERS = "", IN = "", OUT = "", JOB, GUARANTEE, COMMIT_MS, LATEST } = process.env;
const exactlyOnce = GUARANTEE === "exactly-once";
const groupId = `bench-${process.pid}-${Date.now()}`;
const kafka = new Kafka({ brokers: BROKERS.split(","), logLevel: logLevel.NOTHING, retry: { initialRetryTime: 20 } });
const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 500 });
const producers = Array.from({ length: exactlyOnce ? PARTITIONS : 1 }, (_, partition) =>
  exactlyOnce
    ? kafka.producer({ transactionalId: `${groupId}-${partition}`, idempotent: true, maxInFlightRequests: 1 })
    : kafka.producer({ maxInFlightRequests: 4 }),
);
const windows = Array.from({ length: PARTITIONS }, () => ({ start: -1, counts: new Map<number, number>() }));
let first = true;

await consumer.connect();
await Promise.all(producers.map((producer) => producer.connect()));
await consumer.subscribe({ topic: IN, fromBeginning: LATEST !== "1" });
process.once("SIGTERM", () => process.exit(0));
await consumer.run({
  partitionsConsumedConcurrently: PARTITIONS,
  autoCommit: !exactlyOnce && JOB !== "j2",
  autoCommitInterval: Number(COMMIT_MS),
  eachBatchAutoResolve: false,
  eachBatch: JOB === "j2" ? countBatch : copyBatch,
});

function decode(message: { readonly value: Buffer | null }): Bid {
  if (first) {
    first = false;
    process.stdout.write(`FIRST ${Date.now()}\n`);
  }
  return JSON.parse(String(message.value)) as Bid;
}

async function copyBatch({
  batch,
  resolveOffset,
  heartbeat,
  commitOffsetsIfNecessary,
}: EachBatchPayload): Promise<void> {
  const out: Message[] = [];
  for (const message of batch.messages) {
    const bid = decode(message);
    if (bid.price > LIMIT) out.push({ key: message.key, value: JSON.stringify({ ...bid, price: bid.price * FACTOR }) });
  }
  await send(batch.partition, out, String(BigInt(batch.lastOffset()) + 1n));
  resolveOffset(batch.lastOffset());
  if (!exactlyOnce) await commitOffsetsIfNecessary();
  await heartbeat();
}

async function countBatch({ batch, resolveOffset, heartbeat }: EachBatchPayload): Promise<void> {
  const { partition } = batch;
  const window = windows[partition] as (typeof windows)[number]; // one for each partition
  for (const message of batch.messages) {
    const { auction, dateTime } = decode(message);
    const start = dateTime - (dateTime % WINDOW_MS);
    if (start !== window.start) {
      const done = Array.from(window.counts, ([key, count]) => {
        return { key: String(key), value: JSON.stringify({ auction: key, start: window.start, count }) };
      });
      if (done.length > 0) await send(partition, done, message.offset); // from here the counts are made again
      window.start = start;
      window.counts.clear();
    }
    window.counts.set(auction, (window.counts.get(auction) ?? 0) + 1);
  }
  resolveOffset(batch.lastOffset());
  await heartbeat();
}

async function send(partition: number, messages: Message[], next: string): Promise<void> {
  const producer = producers[exactlyOnce ? partition : 0] as Producer; // one for each partition, or one
  if (!exactlyOnce) {
    if (messages.length > 0) await producer.send({ topic: OUT, messages, acks: -1 });
    if (JOB === "j2") await consumer.commitOffsets([{ topic: IN, partition, offset: next }]);
    return;
  }
  const transaction = await producer.transaction();
  if (messages.length > 0) await transaction.send({ topic: OUT, messages, acks: -1 });
  const topics = [{ topic: IN, partitions: [{ partition, offset: next }] }];
  await transaction.sendOffsets({ consumerGroupId: groupId, topics });
  await transaction.commit();
}
