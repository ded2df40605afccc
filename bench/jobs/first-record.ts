/** A job whose first record says when it was made: epoch milliseconds, into the job's log. */

import { defineJob, generate, print } from "../../index.ts";

const job = defineJob(
  import.meta,
  "first-record",
  (env) => {
    env
      .from(generate({ perSecond: 1000, record: (index) => ({ index, at: Date.now() }) }), { name: "records" })
      .keyBy("index")
      .map(({ index, at }) => ({ index, at }), { name: "after the exchange" })
      .filter(({ index }) => index < 4)
      .map(() => ({ at: Date.now() }))
      .to(print(), { parallelism: 1 });
  },
  { parallelism: 4 },
);

export default job;
