/** Windows: source → filter → keyBy → 10 s tumbling count → sink, against the same count written by hand. */

import { type BenchCase, benchOptions, runBench } from "./repeat.ts";

const events = "10000000";

const cases: BenchCase[] = ["20000", "1000000"].flatMap((keys) => [
  { label: `by hand, ${keys} keys`, script: "./by-hand.ts", args: [keys, events] },
  { label: `millrace, ${keys} keys, parallelism 1`, script: "./run-case.ts", args: [keys, "1", "full", events] },
  { label: `millrace, ${keys} keys, parallelism 2, projected`, script: "./run-case.ts", args: [keys, "2", "projected", events] },
  { label: `millrace, ${keys} keys, parallelism 2, all fields`, script: "./run-case.ts", args: [keys, "2", "full", events] },
]);

runBench("Windows: bids of 140 bytes, 10 s tumbling count by auction", cases, benchOptions(process.argv));
