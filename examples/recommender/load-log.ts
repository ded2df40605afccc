/**
 * Replays the shop's log into a topic of Kafka, a row a record, in JSON, with each row's position in the file. A shopper's
 * rows go to one partition, and rows keep their order within each partition.
 */

import { defineJob, parquet } from "millrace";
import { toKafka } from "millrace/kafka";
import { type RetailRow, retailColumns } from "./rows.ts";

const loadLog = defineJob(
  import.meta,
  "load-log",
  (env, { input, brokers, topic, rows }) => {
    const log = parquet<RetailRow>(input, { columns: retailColumns, positionField: "position" });
    env
      .from(log, { name: "purchases-log" })
      .filter((row) => row.position < rows, { name: "first-rows" })
      .to(toKafka({ brokers, topic, key: ({ user_id }) => (user_id === null ? null : String(user_id)) }), {
        name: "retail-log",
      });
  },
  {
    params: {
      input: "examples/data/online-retail.parquet",
      brokers: "127.0.0.1:9092",
      topic: "retail-log",
      rows: Number.MAX_SAFE_INTEGER,
    },
    parallelism: 1, // two readers would mix up the order within partitions
  },
);

export default loadLog;
