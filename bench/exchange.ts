/**
 * Exchange: the window count with its 2 → 2 shuffle, against the same records sent by structured clone.
 *
 * All run long enough for what starts threads and compiles to be a few percent; the last case is that start alone. Nothing
 * is counted before the shuffle: what is measured is that every record crosses it.
 */

import { type BenchCase, benchOptions, runBench } from "./repeat.ts";

const cases: BenchCase[] = [
  { label: "structured clone, batches of 1000, 1 → 1", script: "./structured-clone.ts", args: ["9000000"] },
  ...["20000", "1000000"].flatMap((keys) =>
    ["full", "projected"].map((columns) => ({
      label: `millrace 2 → 2, ${keys} keys, ${columns === "full" ? "all fields" : "projected"}`,
      script: "./run-case.ts",
      args: [keys, "2", columns, columns === "full" ? "50000000" : "150000000"],
    })),
  ),
  { label: "millrace 2 → 2, start alone, 2,000 events", script: "./run-case.ts", args: ["20000", "2", "full", "2000"] },
];

runBench(
  "Exchange: bids of 140 bytes between two slots, all to all, counted in 10 s windows",
  cases,
  benchOptions(process.argv),
);
