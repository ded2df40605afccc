/**
 * Has Flink's SQL make the tables of the queries from other events than those of `oracle/`, for `verify.ts --oracle`.
 *
 *   node bench/nexmark/flink-oracle.ts DIR [--queries q5,q7] [--events N] [--tps N] [--seed N] [--base-time MS] [--generators N]
 *
 * The folder gets `input.json`, which says what the events were made of, `events.jsonl`, the events, and a file of sorted
 * lines of JSON for each query. Flink runs in one subtask: in more of them, the order of equal rows would be open.
 */

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { runFlink } from "./flink-process.ts";
import { isStreamJob } from "./flink-rivals.ts";
import { queryNamed, queryNames } from "./queries/index.ts";

/** Of q6 and q12 there is no table: Flink's SQL has none of q6, and q12 depends on the clock. */
const withoutTable: readonly string[] = ["q6", "q12"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    queries: { type: "string" },
    events: { type: "string", default: "50000" },
    tps: { type: "string", default: "500" },
    seed: { type: "string", default: "7" },
    "base-time": { type: "string", default: "1700000000000" },
    generators: { type: "string", default: "1" },
    heap: { type: "string", default: "4g" },
  },
});
const [folder] = positionals;
if (folder === undefined) throw new Error("name the folder that the tables are to be written to");
const queries =
  values.queries?.split(",") ?? queryNames.filter((name) => !isStreamJob(name) && !withoutTable.includes(name));
for (const query of queries) queryNamed(query);

const { events, tps, seed, generators, heap } = values;
const input = { events, tps, seed, "base-time": values["base-time"], generators, out: resolve(folder) };
const options = { heap, timeoutS: 3600 };
runFlink({ mode: "events", ...input }, options);
process.stdout.write(
  runFlink({ mode: "oracle", ...input, queries: queries.join(","), parallelism: 1, checkpoint: "off" }, options),
);
