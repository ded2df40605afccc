/**
 * One case of the Kafka benchmark in a process of its own: prints its figures as a line of JSON.
 *
 *   node bench/kafka/client-case.ts BROKERS TOPIC MESSAGES ours|kafkajs|platformatic produce|fetch|fetch-json
 *
 * Messages lie in 4 partitions, in turns of 2000. Time and CPU count from the first request for records to the last one.
 */

import { Kafka, logLevel } from "kafkajs";
import { json } from "../../connectors/format/json/json.ts";
import { BatchProducer } from "../../connectors/kafka/client/batch-producer.ts";
import { Fetcher } from "../../connectors/kafka/client/fetcher.ts";
import { KafkaClient } from "../../connectors/kafka/client/kafka-client.ts";
import { calmKafkajs } from "../../connectors/kafka/client/kafkajs.ts";
import { RecordBatchBuilder } from "../../connectors/kafka/codec/record-batch-builder.ts";
import { RecordColumns } from "../../connectors/kafka/codec/record-columns.ts";
import { type KafkaValue, kafkaValue, kafkaValueId, VALUE_BYTES } from "../jobs/kafka-values.ts";
import { platformaticMessages } from "./platformatic.ts";

const [addresses = "", topic = "", count = "", who = "", what = ""] = process.argv.slice(2);
const brokers = addresses.split(",");
const messages = Number(count);
const values = json<KafkaValue>().decoder();
const BATCH = 2000;
const partitions = [0, 1, 2, 3];
const rounds = messages / (BATCH * partitions.length);
if (!Number.isInteger(rounds)) throw new Error(`The messages must be a multiple of ${BATCH * partitions.length}.`);

calmKafkajs();
let cpu = process.cpuUsage();
let began = performance.now();
/** What came out, to be compared with what must. */
const seen = { messages: 0, sum: 0 };

switch (`${who} ${what}`) {
  case "ours produce":
    await produceOurs();
    break;
  case "ours fetch":
    await fetchOurs(sumLengths);
    break;
  case "ours fetch-json":
    await fetchOurs(sumIds);
    break;
  case "kafkajs produce":
    await produceKafkajs();
    break;
  case "kafkajs fetch":
    await fetchKafkajs(lengthOf);
    break;
  case "kafkajs fetch-json":
    await fetchKafkajs(idOf);
    break;
  case "platformatic fetch":
    await fetchPlatformatic(lengthOf);
    break;
  case "platformatic fetch-json":
    await fetchPlatformatic(idOf);
    break;
  default:
    throw new Error("Usage: client-case.ts BROKERS TOPIC MESSAGES ours|kafkajs|platformatic produce|fetch|fetch-json");
}
process.exit(0);

function begin(): void {
  cpu = process.cpuUsage();
  began = performance.now();
}

function end(): void {
  const wall_s = (performance.now() - began) / 1000;
  const used = process.cpuUsage(cpu);
  const cpu_s = (used.user + used.system) / 1e6;
  check();
  const figures = {
    case: `${what} (${who})`,
    events: messages,
    wall_s,
    cpu_s,
    cpu_s_per_million: (cpu_s / messages) * 1e6,
    messages_per_s: messages / wall_s,
    peak_rss_mb: process.resourceUsage().maxRSS / 1024,
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

function check(): void {
  if (what === "produce") return; // by bench/kafka.ts, from the topic
  const expected = what === "fetch" ? messages * VALUE_BYTES : sumOfIds();
  if (seen.messages !== messages || seen.sum !== expected) {
    throw new Error(`${seen.messages} of ${messages} messages came, with the sum ${seen.sum} and not ${expected}`);
  }
}

function sumOfIds(): number {
  let sum = 0;
  for (let index = 0; index < messages; index++) sum += kafkaValueId(index);
  return sum;
}

/** Each partition has its own stretch of messages in each round. */
function firstOf(round: number, partition: number): number {
  return (round * partitions.length + partition) * BATCH;
}

async function produceOurs(): Promise<void> {
  await using client = new KafkaClient({ brokers });
  await client.partitionsOf(topic);
  begin();
  const producer = new BatchProducer(client);
  await Promise.all(
    partitions.map(async (partition) => {
      const builder = new RecordBatchBuilder("none", BATCH * (VALUE_BYTES + 20));
      for (let round = 0; round < rounds; round++) {
        const first = firstOf(round, partition);
        const now = Date.now();
        for (let index = first; index < first + BATCH; index++) builder.append(null, kafkaValue(index), now);
        await producer.send([{ topic, partition, batch: builder.finish() }]);
      }
    }),
  );
  end();
}

async function produceKafkajs(): Promise<void> {
  const producer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  begin();
  await Promise.all(
    partitions.map(async (partition) => {
      for (let round = 0; round < rounds; round++) {
        const first = firstOf(round, partition);
        const batch = Array.from({ length: BATCH }, (_, at) => ({ partition, value: kafkaValue(first + at) }));
        await producer.send({ topic, acks: -1, messages: batch });
      }
    }),
  );
  end();
}

async function fetchOurs(sumOf: (columns: RecordColumns) => number): Promise<void> {
  await using client = new KafkaClient({ brokers });
  await client.partitionsOf(topic);
  begin();
  const fetcher = new Fetcher(client, {});
  for (const partition of partitions) fetcher.follow({ topic, partition }, 0);
  const columns = new RecordColumns();
  while (seen.messages < messages) {
    const fetched = fetcher.take();
    if (fetched === undefined) {
      await fetcher.wait();
      continue;
    }
    while (fetched.records.next(columns)) {
      seen.messages += columns.count;
      seen.sum += sumOf(columns);
    }
    fetched.release(); // as a source does with what a format reads
  }
  end();
  fetcher.close();
}

function sumLengths({ count: rows, valueLengths }: RecordColumns): number {
  let sum = 0;
  for (let row = 0; row < rows; row++) sum += valueLengths[row] as number;
  return sum;
}

function sumIds({ bytes, count: rows, valueStarts, valueLengths }: RecordColumns): number {
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    const start = valueStarts[row] as number;
    sum += values.decode(bytes, start, start + (valueLengths[row] as number))?.id ?? Number.NaN;
  }
  return sum;
}

async function fetchKafkajs(numberOf: (value: Buffer) => number): Promise<void> {
  const consumer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).consumer({
    groupId: `bench-${process.pid}-${Date.now()}`,
    maxWaitTimeInMs: 100,
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  consumer.on("consumer.group_join", begin);
  const done = Promise.withResolvers<void>();
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: partitions.length,
    eachBatch: async ({ batch }) => {
      for (const { value } of batch.messages) seen.sum += value === null ? 0 : numberOf(value);
      seen.messages += batch.messages.length;
      if (seen.messages >= messages) done.resolve();
    },
  });
  await done.promise;
  end();
}

async function fetchPlatformatic(numberOf: (value: Buffer) => number): Promise<void> {
  await using peer = await platformaticMessages(brokers, topic, partitions);
  begin();
  for await (const { value } of peer.stream) {
    seen.sum += numberOf(value);
    if (++seen.messages === messages) break;
  }
  end();
}

function lengthOf(value: Buffer): number {
  return value.length;
}

function idOf(value: Buffer): number {
  return (JSON.parse(value.toString()) as KafkaValue).id;
}
