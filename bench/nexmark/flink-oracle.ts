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
import { inputOfArguments, inputOptions, queriesOf } from "./argument-values.ts";
import { runFlink } from "./flink-process.ts";
import { isStreamJob } from "./flink-rivals.ts";
import { queryNames } from "./queries/index.ts";
import { toldInShort, UsageError } from "./usage-error.ts";

/** Of q6 and q12 there is no table: Flink's SQL has none of q6, and q12 depends on the clock. */
const withTable = queryNames.filter((name) => !isStreamJob(name) && name !== "q6" && name !== "q12");

const { folder, queries, baseTime, rest, heap } = await toldInShort(oracleArguments);
const input = { ...rest, "base-time": baseTime, out: resolve(folder) };
const options = { heap, timeoutS: 3600 };
await runFlink({ mode: "events", ...input }, options);
process.stdout.write(
  await runFlink({ mode: "oracle", ...input, queries: queries.join(","), parallelism: 1, checkpoint: "off" }, options),
);

/** @throws UsageError for arguments that make no sense. */
function oracleArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { queries: { type: "string" }, ...inputOptions, heap: { type: "string", default: "4g" } },
  });
  const [folder, ...others] = positionals;
  if (folder === undefined || others.length > 0)
    throw new UsageError("name the one folder that the tables are to be written to");
  const queries = values.queries === undefined ? withTable : queriesOf(values.queries);
  for (const query of queries)
    if (!withTable.includes(query))
      throw new UsageError(`Flink's SQL has no table of ${query}; it has ${withTable.join(", ")}`);
  const { baseTime, ...rest } = inputOfArguments(values, {
    events: 50_000,
    tps: 500,
    seed: 7,
    baseTime: 1_700_000_000_000,
    generators: 1,
  });
  return { folder, queries, baseTime, rest, heap: values.heap };
}
