/**
 * The most bought items of the last seven days, anew every day: a sliding window sums the pieces of each item, and a
 * process function keeps the best of each window until the watermark says that all its sums have come.
 */

import { defineJob, parquet, print, run, sliding, summing, valueState, type WindowResult } from "millrace";

interface Sale {
  readonly description: string | null;
  readonly quantity: number;
  readonly timestamp: number;
}

type NamedSale = Sale & { readonly description: string };

/** The pieces of one item in one window. */
type Pieces = WindowResult<string, number>;

const job = defineJob(
  import.meta,
  "top-items",
  (env, { input, size }) => {
    env
      .from(parquet<Sale>(input, { columns: ["description", "quantity", "timestamp"] }))
      .filter((sale): sale is NamedSale => sale.description !== null)
      .withTimestamps((sale) => sale.timestamp)
      .keyBy("description")
      .window(sliding("7d", "1d"))
      .aggregate("pieces", summing("quantity"))
      .keyBy("windowEnd")
      .process(
        "top",
        {
          state: { best: valueState<readonly Pieces[]>([]) },
          process(pieces, { state, timers, timestamp }) {
            state.best.update((best) => [...best, pieces].sort(byPieces).slice(0, size));
            // A window's results have its last millisecond as their time: the timer is due when all of them have come.
            timers.register("event", timestamp);
          },
          onTimer(_timer, { key, state }) {
            const best = state.best.get();
            state.best.clear();
            return [{ until: new Date(key).toISOString(), items: best.map((item) => [item.key, item.value]) }];
          },
        },
        // One subtask, so that the windows come out in their order.
        { parallelism: 1 },
      )
      .to(print(), { parallelism: 1 });
  },
  { params: { input: "examples/data/online-retail.parquet", size: 5 }, parallelism: 2 },
);

function byPieces(a: Pieces, b: Pieces): number {
  return b.value - a.value || (a.key < b.key ? -1 : 1);
}

export default job;
if (import.meta.main) await (await run(job)).result;
