/**
 * Compares what the queries give with what Flink's SQL gave on the same events.
 *
 *   node bench/nexmark/verify.ts [--queries q5,q7] [--parallelism 1,2,3] [--set 20k,100k] [--no-crashes]
 *     [--oracle DIR [--events N] [--tps N] [--seed N] [--base-time MS] [--generators N]]
 *
 * Each query runs at each parallelism, undisturbed and with crashes; q6 and q12, of which Flink's SQL has no table, are
 * compared with a plain program. With --oracle it is compared with a folder that the
 * Flink harness wrote; the options behind it say what its events were made of, unless it has them in events.jsonl.
 */

import { parseArgs } from "node:util";
import { queryNamed, queryNames } from "./queries/index.ts";
import { type EventSet, eventSets, folderOracle, hashedOracle, type Oracle, plainOracle } from "./verify/oracle.ts";
import { described, outputOf, ways } from "./verify/run-query.ts";
import { tableOf } from "./verify/table-of.ts";

const { values } = parseArgs({
  options: {
    queries: { type: "string" },
    parallelism: { type: "string", default: "1,2,3" },
    set: { type: "string", default: eventSets.join(",") },
    "no-crashes": { type: "boolean", default: false },
    oracle: { type: "string" },
    events: { type: "string", default: "100000" },
    tps: { type: "string", default: "1000" },
    seed: { type: "string", default: "42" },
    "base-time": { type: "string", default: "1436918400000" },
    generators: { type: "string", default: "1" },
  },
});

const chosen = values.queries?.split(",") ?? queryNames;
const parallelisms = values.parallelism.split(",").map(Number);
const chosenWays = ways.filter(
  ({ parallelism, crashes }) => parallelisms.includes(parallelism) && !(crashes && values["no-crashes"]),
);
let wrong = 0;
for (const oracle of oracles()) for (const query of chosen) wrong += await verify(oracle, query);
if (wrong > 0) process.exitCode = 1;

function oracles(): Oracle[] {
  if (values.oracle === undefined) {
    const sets = values.set.split(",") as EventSet[];
    return sets.flatMap((set) => [hashedOracle(set), plainOracle(set)]);
  }
  const input = {
    events: Number(values.events),
    tps: Number(values.tps),
    seed: Number(values.seed),
    baseTime: Number(values["base-time"]),
    generators: Number(values.generators),
  };
  return [folderOracle(values.oracle, input)];
}

/** How many ways of running the query gave another table. */
async function verify(oracle: Oracle, query: string): Promise<number> {
  let problems = 0;
  let rows = 0;
  if (oracle.problemOf(query, []) === "unknown") return 0;
  for (const way of chosenWays) {
    const table = tableOf(queryNamed(query), await outputOf(query, oracle.input, way));
    rows = table.length;
    const problem = oracle.problemOf(query, table);
    if (problem === undefined) continue;
    problems++;
    process.stdout.write(`${oracle.name} ${query}, ${described(way)}: ${problem}\n`);
  }
  const verdict = problems === 0 ? "right" : `wrong in ${problems}`;
  process.stdout.write(`${oracle.name} ${query}: ${rows} rows, ${verdict} of ${chosenWays.length} ways\n`);
  return problems;
}
