/**
 * Compares what the queries give with what Flink's SQL gave on the same events.
 *
 *   node bench/nexmark/verify.ts [--queries q5,q7] [--parallelism 1,2,3] [--no-crashes]
 *     [--oracle DIR] [--set 20k,100k] [--events N] [--tps N] [--seed N] [--base-time MS] [--generators N]
 *
 * Each query runs at each parallelism, undisturbed and with crashes; q6 and q12, of which Flink's SQL has no table, are
 * compared with a plain program, q12 on a clock that is injected. Without --oracle they are compared with `oracle/`, of whose
 * tables the hashes are known. DIR is a folder that `flink-oracle.ts` wrote, or another harness for Flink, or one of several
 * such folders with a manifest, of which --set chooses some. --events and so on say what the events were made of, where
 * neither the folder nor a manifest does, and they are not in it.
 *
 * Its status is 1 when a table is wrong, or cannot be compared.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type QueryName, queryNamed, queryNames } from "./queries/index.ts";
import type { GeneratedInput } from "./source.ts";
import { toldInShort, UsageError } from "./usage-error.ts";
import { clockedQ12, type Verdict } from "./verify/clocked.ts";
import { folderOracle, hasEvents, hashedOracle, type Oracle, plainOracle, problemOfEvents } from "./verify/oracle.ts";
import { inputOf, type Manifest, manifestIn } from "./verify/oracle-folder.ts";
import { described, outputOf, type Way } from "./verify/run-query.ts";
import { tableOf } from "./verify/table-of.ts";
import { verifyArguments } from "./verify/verify-arguments.ts";

const { queries, ways, folder, sets, otherwise } = await toldInShort(() => verifyArguments(process.argv.slice(2)));
let wrong = 0;
await toldInShort(verify);
if (wrong > 0) process.exitCode = 1;

async function verify(): Promise<void> {
  const manifest = manifestIn(folder);
  if (manifest !== undefined) await verifySets(manifest, sets ?? Object.keys(manifest));
  else if (sets === undefined) await verifyFolder(folder);
  else throw new UsageError(`${folder} has no manifest.json, and so no sets; leave --set out`);
}

/** Those of a manifest, by the tables beside it or else by their hashes, and plain programs with two generators. */
async function verifySets(manifest: Manifest, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const set = manifest[name];
    if (set === undefined)
      throw new UsageError(`there is no set "${name}" in ${folder}; there are ${Object.keys(manifest).join(", ")}`);
    const tables = join(folder, name);
    if (existsSync(tables)) await verifyFolder(tables);
    else await verifyAll(hashedOracle(name, set), inputOf(set, 2));
  }
}

async function verifyFolder(tables: string): Promise<void> {
  const oracle = folderOracle(tables, otherwise);
  const { input } = oracle;
  if ("eventsFile" in input) await verifyAll(oracle, undefined);
  else {
    if (hasEvents(tables)) report(tables, "the events", input.events, [problemOfEvents(tables, input)]);
    await verifyAll(oracle, input);
  }
}

/** `generated`: what the events of q12 are made of; undefined: there are none. */
async function verifyAll(oracle: Oracle, generated: GeneratedInput | undefined): Promise<void> {
  const plain = plainOracle(oracle.name, generated ?? oracle.input);
  for (const query of queries ?? queryNames) {
    if (oracle.has(query)) await verifyQuery(oracle, query);
    else if (plain.has(query)) await verifyQuery(plain, query);
    else if (query === "q12" && generated !== undefined) await verifyClocked(oracle.name, generated);
    else if (queries !== undefined) report(oracle.name, query, 0, ["there is no table to compare it with"]);
  }
}

async function verifyQuery(oracle: Oracle, query: QueryName): Promise<void> {
  const verdicts: Verdict[] = [];
  for (const way of ways) {
    const table = tableOf(queryNamed(query), await outputOf(query, oracle.input, way));
    verdicts.push(told(way, { rows: table.length, problem: oracle.problemOf(query, table) }));
  }
  reportAll(oracle.name, query, verdicts);
}

async function verifyClocked(name: string, input: GeneratedInput): Promise<void> {
  const verdicts: Verdict[] = [];
  for (const way of ways) verdicts.push(told(way, await clockedQ12(input, way)));
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
