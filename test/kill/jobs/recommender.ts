/** The recommender of the examples on a part of the shop's log, with outputs that hold each row once. */

import {
  defineJob,
  inOrder,
  mergeAnswers,
  onlineRecommender,
  parquet,
  recommenderSchema,
  type Source,
  toJsonl,
} from "millrace";
import { type Answer, metricsOutput, outcome } from "../../../examples/recommender/outcome.ts";
import { type RetailRow, retailColumns, type ShopperEvent, withTime } from "../../../examples/recommender/rows.ts";
import { visitKey, visits } from "../../../examples/recommender/visits.ts";
import { paced } from "./paced.ts";

/** Without the splits that begin behind so many rows. */
function theFirst<T, Split extends { readonly start: number }>(
  count: number,
  source: Source<T, Split>,
): Source<T, Split> {
  return {
    ...source,
    async enumerate(context) {
      const all = await source.enumerate(context);
      return {
        async next(subtask) {
          const split = await all.next(subtask);
          return split !== undefined && split.start < count ? split : undefined;
        },
        snapshot: () => all.snapshot?.(),
        close: () => all.close?.(),
      };
    },
  };
}

const job = defineJob(
  import.meta,
  "recommender",
  (env, { input, output, gate, count, records }) => {
    const log = parquet<RetailRow>(input, { columns: retailColumns, positionField: "position", splitRows: 5000 });
    const events = env
      .from(paced(theFirst(count, log), { gate, records }), { name: "purchases-log" })
      .filter(withTime(), { name: "with-time" })
      .withTimestamps((row) => row.timestamp)
      .keyBy(visitKey)
      .process("visits", visits(null));
    const ordered = events
      .keyBy(() => 0)
      .transform<ShopperEvent>("in-order", inOrder({ position: (event) => event.position }), { parallelism: 1 });
    const answers = ordered
      .broadcast()
      .transform<Answer>("model", onlineRecommender(), { reads: Object.keys(recommenderSchema) })
      .keyBy(() => 0)
      .transform<Answer>("merge", inOrder({ position: (answer) => answer.position, combine: mergeAnswers }), {
        parallelism: 1,
      });
    const served = answers.keyBy(() => 0).process("outcome", outcome(), { parallelism: 1 });
    served.to(toJsonl(`${output}/recommendations`, { exactlyOnce: true }), { name: "recommendations" });
    served
      .sideOutput(metricsOutput)
      // A measured time is another one in every run.
      .map(({ p95_ms: _, ...metrics }) => metrics, { name: "without-times" })
      .to(toJsonl(`${output}/metrics`, { exactlyOnce: true }), { name: "metrics" });
  },
  {
    params: { input: "", output: "", gate: "", count: 25_000, records: 8 },
    parallelism: 2,
    checkpoints: { interval: "150ms", retained: 2, tolerated: 1000 },
    restart: { kind: "fixedDelay", attempts: 10_000, delay: "20ms" },
  },
);

export default job;
