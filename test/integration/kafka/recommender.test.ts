import { randomUUID } from "node:crypto";
import { run } from "millrace";
import { makeTopics } from "millrace/kafka";
import { expect, test } from "vitest";
import { KafkaClient } from "../../../connectors/kafka/client/kafka-client.ts";
import loadLog from "../../../examples/recommender/load-log.ts";
import recommenderOnKafka from "../../../examples/recommender/on-kafka.ts";
import type { Recommendation, WindowMetrics } from "../../../examples/recommender/outcome.ts";
import recommenderOnFile from "./fixtures/recommender-on-file.ts";
import { brokers as addresses, describeOnKafka } from "./on-kafka.ts";
import { readPartition } from "./read-topic.ts";

const rows = 12_000;
const brokers = addresses.join();
const options = { logLevel: "silent" } as const;

interface Result {
  readonly lists: readonly Recommendation[];
  readonly metrics: readonly WindowMetrics[];
}

async function onFile(): Promise<Result> {
  const handle = await run(recommenderOnFile, { params: { rows }, ...options });
  await handle.result;
  return {
    lists: handle.collect<Recommendation>("lists"),
    metrics: timeless(handle.collect<WindowMetrics>("metrics")),
  };
}

async function onKafka(parallelism: number): Promise<Result> {
  const [log, lists, metrics] = ["log", "lists", "metrics"].map((name) => `${name}-${randomUUID()}`) as [
    string,
    string,
    string,
  ];
  const settings = { "retention.ms": "-1" }; // the log is of 2011
  await makeTopics({ brokers }, [
    { topic: log, partitions: 4, settings },
    { topic: lists, partitions: 2, settings },
    { topic: metrics, settings },
  ]);
  await (await run(loadLog, { params: { brokers, topic: log, rows }, ...options })).result;
  await (await run(recommenderOnKafka, { params: { brokers, log, lists, metrics }, parallelism, ...options })).result;
  return {
    lists: [...(await readAll<Recommendation>(lists, 0)), ...(await readAll<Recommendation>(lists, 1))],
    metrics: timeless(await readAll<WindowMetrics>(metrics, 0)),
  };
}

async function readAll<T>(topic: string, partition: number): Promise<T[]> {
  await using client = new KafkaClient({ brokers });
  const records = await readPartition(client, topic, { partition });
  return records.map(({ value }) => JSON.parse(Buffer.from(value ?? "", "hex").toString()) as T);
}

/** How long lists took to make is another time each time. */
function timeless(windows: readonly WindowMetrics[]): WindowMetrics[] {
  return windows.map((window) => ({ ...window, p95_ms: null }));
}

/** By what is known of a list when it is made: the shopper's lists come in the order of the model's learning. */
function inOrder(lists: readonly Recommendation[]): Recommendation[] {
  return lists.toSorted((a, b) => a.model_version - b.model_version || a.user_id - b.user_id || a.ts - b.ts);
}

describeOnKafka("the recommender on Kafka", () => {
  test.each([1, 2, 3])(
    "gives the lists and metrics of the one over the file, with parallelism %i",
    async (parallelism) => {
      const [expected, found] = [await onFile(), await onKafka(parallelism)];
      expect(found.metrics).toEqual(expected.metrics);
      expect(inOrder(found.lists)).toEqual(inOrder(expected.lists));
      expect(expected.metrics.at(-1)).toMatchObject({ scored: expect.toSatisfy((scored: number) => scored > 1000) });
    },
  );
});
