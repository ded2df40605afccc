/**
 * Two timelines into a topic as they come, and how many records of each kind there were so far into another one, exactly once
 * both. The transactions have a timeout that an outage of brokers is longer than.
 */

import { defineJob } from "millrace";
import { toKafka } from "millrace/kafka";
import { timelines } from "./timelines.ts";

const KINDS = 23;

const job = defineJob(
  import.meta,
  "kafka",
  (env, { brokers, records: recordsTopic, counts, gate, count, pace, transactionMs }) => {
    const options = {
      brokers,
      guarantee: "exactly-once" as const,
      transactionTimeout: { milliseconds: transactionMs },
    };
    const records = env.from(
      timelines({
        ...{ name: "records", timelines: 2, count, gate, records: pace },
        record: (timeline, number) => ({ timeline, number }),
      }),
    );
    records.to(
      toKafka({ ...options, topic: recordsTopic, key: ({ number }) => `${number % KINDS}`, name: "records-out" }),
    );
    records
      // A kind has records of one timeline only, so that their order is the same in every run.
      .map(({ timeline, number }) => ({ kind: `${timeline}-${number % KINDS}`, count: 1 }))
      .keyBy("kind")
      .reduce("counts", (sum, { count: more }) => ({ kind: sum.kind, count: sum.count + more }))
      .to(toKafka({ ...options, topic: counts, key: ({ kind }) => kind, name: "counts-out" }));
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
