/**
 * Two timelines into a topic as they come, and how often each key came in each time of both into another one, exactly once
 * both. The transactions have a timeout that an outage of brokers is longer than. Of the first topic the log keeps what was
 * aborted, of the second one checkpoints keep it.
 */

import { counting, defineJob, tumbling } from "millrace";
import { toKafka } from "millrace/kafka";
import { timelines } from "./timelines.ts";

const KEYS = 23;
const WINDOW_MS = 200;

const job = defineJob(
  import.meta,
  "kafka",
  (env, { brokers, records: recordsTopic, counts, gate, count, pace, transactionMs }) => {
    const options = {
      brokers,
      guarantee: "exactly-once" as const,
      transactionTimeout: { milliseconds: transactionMs },
    };
    const records = env
      .from(
        timelines({
          ...{ name: "records", timelines: 2, count, gate, records: pace },
          // Every key comes in both, so that a window's count is right only if neither's records were late.
          record: (timeline, number) => ({ timeline, number, key: (number * 31 + timeline) % KEYS }),
        }),
      )
      .withTimestamps(({ number }) => number);
    records.to(toKafka({ ...options, topic: recordsTopic, key: ({ key }) => `${key}`, name: "records-out" }));
    records
      .keyBy("key")
      .window(tumbling(`${WINDOW_MS}ms`))
      .aggregate("counts", counting())
      .to(toKafka({ ...options, topic: counts, key: ({ key }) => `${key}`, retainOutput: true, name: "counts-out" }));
  },
  {
    params: {
      ...{ brokers: "", records: "", counts: "", gate: "", output: "" },
      ...{ count: 8000, pace: 2, transactionMs: 5000 },
    },
    parallelism: 2,
    checkpoints: { interval: "200ms", retained: 2, tolerated: 1000 },
    restart: { kind: "fixedDelay", attempts: 10_000, delay: "20ms" },
  },
);

export default job;
