/** How often each word stands in the names of the sold products, once all input has been read. */

import { defineJob, parquet, print, run, valueState } from "millrace";

interface Sale {
  readonly description: string | null;
}

/** A timer at this time is due when all input has come. */
const endOfInput = Number.POSITIVE_INFINITY;

const job = defineJob(
  import.meta,
  "word-count",
  (env, { input, minimum }) => {
    env
      .from(parquet<Sale>(input, { columns: ["description"] }))
      .flatMap(({ description }) => description?.toLowerCase().match(/[a-z]+/g) ?? [], { name: "words" })
      .keyBy((word) => word)
      .process("count", {
        state: { count: valueState(0) },
        process(_word, { state, timers }) {
          if (state.count.get() === 0) timers.register("event", endOfInput);
          state.count.update((count) => count + 1);
        },
        onTimer(_timer, { key, state }) {
          return [{ word: key, count: state.count.get() }];
        },
      })
      .filter(({ count }) => count >= minimum)
      .to(print(), { parallelism: 1 });
  },
  { params: { input: "examples/data/online-retail.parquet", minimum: 5000 }, parallelism: 2 },
);

export default job;
if (import.meta.main) await (await run(job)).result;
