/**
 * Hot keys: the 10 s count of bids at parallelism 2, of which one auction has half, a fifth or none, aggregated before the shuffle,
 * behind it, and as the plan has it by itself: `npm run bench:hot-keys [-- --repeats N] [--events N]`.
 */

import { type BenchCase, benchOptions, runBench } from "./repeat.ts";

const at = process.argv.indexOf("--events");
const events = at < 0 ? "10000000" : (process.argv[at + 1] as string);

const shapes = [
  ["20000", "50"],
  ["20000", "20"],
  ["20000", "0"],
  ["1000000", "50"],
  ["1000000", "0"],
] as const;

const cases: BenchCase[] = shapes.flatMap(([keys, percent]) =>
  ["full", "projected"].flatMap((columns) =>
    ["behind", "before", "by-itself"].map((aggregated) => ({
      label: `${keys} keys, one has ${percent} %, ${columns}, ${aggregated}`,
      script: "./hot-keys-case.ts",
      args: [keys, percent, columns, aggregated, events],
    })),
  ),
);

runBench("Hot keys: 10 s count of bids of 140 bytes, parallelism 2", cases, benchOptions(process.argv));
