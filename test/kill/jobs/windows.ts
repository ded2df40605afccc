/** Windows of event time, tumbling and sliding ones, over two timelines, into files that hold each row once. */

import { counting, defineJob, sliding, summing, toJsonl, tumbling } from "millrace";
import { timelines } from "./timelines.ts";

const KEYS = 97;

const job = defineJob(
  import.meta,
  "windows",
  (env, { output, gate, count, records }) => {
    const clicks = env
      .from(
        timelines({
          ...{ name: "clicks", timelines: 2, count, gate, records },
          record: (timeline, number) => ({
            key: (number * 31 + timeline) % KEYS,
            number,
            time: number + ((number * 7) % 50),
          }),
        }),
      )
      .withTimestamps(({ time }) => time, { outOfOrderness: "50ms" })
      .keyBy("key");
    clicks
      .window(tumbling("2s"))
      .aggregate("sums", summing("number"))
      .to(toJsonl(`${output}/sums`, { exactlyOnce: true }), { name: "sums-out" });
    clicks
      .window(sliding("3s", "1s"))
      .aggregate("counts", counting())
      .to(toJsonl(`${output}/counts`, { exactlyOnce: true }), { name: "counts-out" });
  },
  {
    params: { output: "", gate: "", count: 100_000, records: 40 },
    parallelism: 2,
    checkpoints: { interval: "150ms", retained: 2, tolerated: 1000 },
    restart: { kind: "fixedDelay", attempts: 10_000, delay: "20ms" },
  },
);

export default job;
