import { defineJob, parquet, print, run, summing, tumbling } from "millrace";

interface Sale {
  readonly description: string | null;
  readonly quantity: number;
  readonly timestamp: number;
}

const job = defineJob(import.meta, "pieces-per-item", (env) => {
  env
    .from(parquet<Sale>("examples/data/online-retail.parquet"))
    .withTimestamps((sale) => sale.timestamp, { outOfOrderness: "5s" })
    .keyBy((sale) => sale.description ?? "no description")
    .window(tumbling("1d"))
    .aggregate("pieces", summing("quantity"))
    .filter((day) => day.value >= 1000)
    .to(print());
});

export default job;
if (import.meta.main) await (await run(job, { parallelism: 2 })).result;
