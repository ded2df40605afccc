/**
 * Compares what the queries give with what Flink's SQL gave on the same events.
 *
 *   node bench/nexmark/verify.ts [--queries q5,q7] [--parallelism 1,2,3] [--set 20k,100k] [--no-crashes]
 *     [--oracle DIR [--events N] [--tps N] [--seed N] [--base-time MS] [--generators N]]
 *
 * Each query runs at each parallelism, undisturbed and with crashes; q6 and q12, of which Flink's SQL has no table, are
 * compared with a plain program, q12 on a clock that is injected. With --oracle they are compared with a folder that
 * `flink-oracle.ts` wrote, or another harness for Flink: then the options behind it say what its events were made of, unless
 * it has them in events.jsonl.
 */

import { parseArgs } from "node:util";
import { queryNamed, queryNames } from "./queries/index.ts";
import { clockedQ12, type Verdict } from "./verify/clocked.ts";
import {
  type EventSet,
  eventSets,
  folderOracle,
  type GeneratedInput,
  hashedOracle,
  inputIn,
  inputOf,
  type Oracle,
  plainOracle,
  problemOfEvents,
} from "./verify/oracle.ts";
import { described, outputOf, type Way, ways } from "./verify/run-query.ts";
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
if (values.oracle === undefined) for (const set of values.set.split(",") as EventSet[]) await verifySet(set);
else await verifyFolder(values.oracle);
if (wrong > 0) process.exitCode = 1;

/** The tables whose hashes the repository has, and plain programs on the same setting with two generators. */
async function verifySet(set: EventSet): Promise<void> {
  await verifyQueries(hashedOracle(set));
  await verifyPlainly(set, inputOf(set, 2));
}

async function verifyFolder(folder: string): Promise<void> {
  const input = inputIn(folder);
  if (input !== undefined) report(folder, "the events", input.events, [problemOfEvents(folder, input)]);
  const otherwise = {
    events: Number(values.events),
    tps: Number(values.tps),
    seed: Number(values.seed),
    baseTime: Number(values["base-time"]),
    generators: Number(values.generators),
  };
  await verifyQueries(folderOracle(folder, otherwise));
  await verifyPlainly(folder, input ?? otherwise);
}

async function verifyQueries(oracle: Oracle): Promise<void> {
  for (const query of chosen.filter((name) => oracle.problemOf(name, []) !== "unknown")) {
    const verdicts: Verdict[] = [];
    for (const way of chosenWays) {
      const table = tableOf(queryNamed(query), await outputOf(query, oracle.input, way));
      verdicts.push(told(way, { rows: table.length, problem: oracle.problemOf(query, table) }));
    }
    reportAll(oracle.name, query, verdicts);
  }
}

async function verifyPlainly(name: string, input: GeneratedInput): Promise<void> {
  if (chosen.includes("q6")) await verifyQueries(plainOracle(name, input));
  if (!chosen.includes("q12")) return;
  const verdicts: Verdict[] = [];
  for (const way of chosenWays) verdicts.push(told(way, await clockedQ12(input, way)));
  reportAll(`clocked ${name}`, "q12", verdicts);
}

function told(way: Way, { rows, problem }: Verdict): Verdict {
  return { rows, problem: problem === undefined ? undefined : `${described(way)}: ${problem}` };
}

function reportAll(name: string, query: string, verdicts: readonly Verdict[]): void {
  report(
    name,
    query,
    verdicts.at(-1)?.rows ?? 0,
    verdicts.map(({ problem }) => problem),
  );
}

function report(name: string, what: string, rows: number, problems: readonly (string | undefined)[]): void {
  const found = problems.filter((problem) => problem !== undefined);
  wrong += found.length;
  for (const problem of found) process.stdout.write(`${name} ${what}, ${problem}\n`);
  const verdict = found.length === 0 ? "right" : `wrong in ${found.length}`;
  process.stdout.write(`${name} ${what}: ${rows} rows, ${verdict} of ${problems.length} ways\n`);
}
