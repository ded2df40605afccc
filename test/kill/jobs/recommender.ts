/** The recommender of the examples on a part of the shop's log, with outputs that hold each row once. */

import { defineJob, parquet, type Source, toJsonl } from "millrace";
import { metricsOutput } from "../../../examples/recommender/outcome.ts";
import { recommendations } from "../../../examples/recommender/pipeline.ts";
import { type RetailRow, retailColumns } from "../../../examples/recommender/rows.ts";
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
    const rows = env.from(paced(theFirst(count, log), { gate, records }), { name: "purchases-log" });
    const served = recommendations(rows, null);
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
