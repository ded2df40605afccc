/** Windows: source → filter → keyBy → 10 s tumbling count → sink, against the same count written by hand. */

import { type BenchCase, benchOptions, runBench } from "./repeat.ts";

/** So many events that starting threads and compiling, a second or two of CPU time, weighs little. */
const cases: BenchCase[] = ["20000", "1000000"].flatMap((keys) => [
  { label: `by hand, ${keys} keys`, script: "./by-hand.ts", args: [keys, "20000000"] },
  { label: `millrace, ${keys} keys, parallelism 1`, script: "./run-case.ts", args: [keys, "1", "full", "100000000"] },
  {
    label: `millrace, ${keys} keys, parallelism 2, projected`,
    script: "./run-case.ts",
    args: [keys, "2", "projected", "60000000"],
  },
  {
    label: `millrace, ${keys} keys, parallelism 2, all fields`,
    script: "./run-case.ts",
    args: [keys, "2", "full", "30000000"],
  },
]);

runBench("Windows: bids of 140 bytes, 10 s tumbling count by auction", cases, benchOptions(process.argv));
