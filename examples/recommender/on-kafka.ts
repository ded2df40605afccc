/**
 * The recommender from topic to topic: reads the shop's log as `load-log.ts` has written it, writes lists and metrics. Rows of
 * a partition are in the order of their time, so watermarks are made of each partition; the pipeline brings all rows back into
 * the order of the log by the position that each carries.
 */

import { collectTo, defineJob } from "millrace";
import { json, kafka, toKafka } from "millrace/kafka";
import { firstListOutput, metricsOutput, type Recommendation, shoppersOutput, type WindowMetrics } from "./outcome.ts";
import { partitionedRecommendations } from "./pipeline.ts";
import type { RetailRow } from "./rows.ts";

/** Rows without a time are counted and dropped by the pipeline; until then they hold nothing up. */
const noTime = 0;

const recommenderOnKafka = defineJob(
  import.meta,
  "recommender-on-kafka",
  (env, { brokers, log, lists, metrics }) => {
    const rows = env.from(kafka({ brokers, topics: log, value: json<RetailRow>(), until: "latest" }), {
      name: "purchases-log",
      watermarks: { timestamp: (row) => row.timestamp ?? noTime },
    });
    const served = partitionedRecommendations(rows, null);

    // All come from one subtask; several that write would mix up the order of a shopper's lists.
    const toLists = toKafka<Recommendation>({ brokers, topic: lists, key: ({ user_id }) => String(user_id) });
    served.to(toLists, { name: "recommendations", parallelism: 1 });
    // The last window is made at the end of time, which brokers take for a mistake.
    const windows = toKafka<WindowMetrics>({ brokers, topic: metrics, timestamp: ({ window }) => window.end });
    served.sideOutput(metricsOutput).to(windows, { name: "recommender-metrics", parallelism: 1 });
    served.sideOutput(metricsOutput).to(collectTo("metrics"), { parallelism: 1 });
    served.sideOutput(firstListOutput).to(collectTo("first-list"), { parallelism: 1 });
    served.sideOutput(shoppersOutput).to(collectTo("shoppers"), { parallelism: 1 });
  },
  {
    params: { brokers: "127.0.0.1:9092", log: "retail-log", lists: "recommendations", metrics: "recommender-metrics" },
    parallelism: 2,
  },
);

export default recommenderOnKafka;
