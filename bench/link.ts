/** The link: the exchange between two processes, over a unix socket and over TCP, against the one within a process. */

import { type BenchCase, benchOptions, runBench } from "./repeat.ts";

/** So many that the start of the processes and the warming up of their code do not count. */
const events = "20000000";

const cases: BenchCase[] = [
  { label: "2 → 2 in one process", script: "./link-case.ts", args: ["in-process", events] },
  { label: "2 → 2 in two processes, unix socket", script: "./link-case.ts", args: ["unix", events] },
  { label: "2 → 2 in two processes, TCP", script: "./link-case.ts", args: ["tcp", events] },
];

runBench(
  "Link: bids of 140 bytes from two slots to two others, encoded and decoded at the ends",
  cases,
  benchOptions(process.argv),
);
