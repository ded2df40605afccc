/** What the queries have to give: tables of Apache Flink's SQL on the same events, or what a plain program makes of them. */

import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { NexmarkEvent } from "../events.ts";
import { EventGenerator, generatorPositions } from "../generator/event-generator.ts";
import type { Input } from "../job.ts";
import { queryNames } from "../queries/index.ts";
import type { GeneratedInput } from "../source.ts";
import { UsageError } from "../usage-error.ts";
import { inputIn, inputOf, linesIn, type ManifestSet } from "./oracle-folder.ts";
import { plainQ6 } from "./plain.ts";
import { firstDifference, hashOf } from "./table-of.ts";

export interface Oracle {
  readonly name: string;
  readonly input: Input;
  readonly has: (query: string) => boolean;
  /** What is wrong with the table of a query that it has; undefined: nothing. */
  readonly problemOf: (query: string, table: readonly string[]) => string | undefined;
}

/** The tables of a set of events, by their hashes. */
export function hashedOracle(name: string, set: ManifestSet): Oracle {
  const ofQuery = (query: string) => set.files[`${query}.jsonl`];
  return {
    name,
    input: inputOf(set),
    has: (query) => ofQuery(query) !== undefined,
    problemOf(query, table) {
      const { rows, sha256 } = ofQuery(query) ?? { rows: 0, sha256: "" };
      if (table.length !== rows) return `${table.length} rows, expected ${rows}`;
      return hashOf(table) === sha256 ? undefined : "the rows are others";
    },
  };
}

/** What a plain program makes of the same events, for q6, of which Flink's SQL has no table. */
export function plainOracle(name: string, input: Input): Oracle {
  let expected: readonly string[] | undefined;
  return {
    name: `plain ${name}`,
    input,
    has: (query) => query === "q6",
    problemOf(_, table) {
      expected ??= plainQ6(allEvents(input))
        .map((row) => JSON.stringify(row))
        .sort();
      return firstDifference(table, expected);
    },
  };
}

/**
 * The tables in a folder. If it does not say of what its events were made, they are read from there; if they are not there
 * either, or packed, `otherwise` says it.
 *
 * @throws UsageError when there is no table, or a file is damaged.
 */
export function folderOracle(folder: string, otherwise: GeneratedInput): Oracle {
  const tables = new Map(queryNames.map((query) => [query as string, linesIn(folder, `${query}.jsonl`)]));
  const has = (query: string): boolean => tables.get(query) !== undefined;
  if (!queryNames.some(has))
    throw new UsageError(
      `${folder} has no table of any query, such as q0.jsonl, and no manifest.json; \`npm run nexmark:oracle -- ${folder}\` makes them`,
    );
  return {
    name: folder,
    input: inputIn(folder) ?? eventsIn(folder) ?? otherwise,
    has,
    problemOf: (query, table) => firstDifference(table, tables.get(query) ?? []),
  };
}

function eventsIn(folder: string): Input | undefined {
  const eventsFile = join(folder, "events.jsonl");
  return existsSync(eventsFile) ? { events: linesIn(folder, "events.jsonl")?.length ?? 0, eventsFile } : undefined;
}

export function hasEvents(folder: string): boolean {
  return linesIn(folder, "events.jsonl") !== undefined;
}

/** Where the generator here makes other events than the folder has; undefined: nowhere. */
export function problemOfEvents(folder: string, input: GeneratedInput): string | undefined {
  const made = allEvents(input).map((event) => JSON.stringify(event));
  return firstDifference(made, linesIn(folder, "events.jsonl") ?? []);
}

/** Those of all generators by turns, or of a file. */
function allEvents(input: Input): readonly NexmarkEvent[] {
  if ("eventsFile" in input) return eventsOfFile(input.eventsFile);
  const positions = generatorPositions(input.events, input.generators, input.seed);
  const generators = positions.map((position) => new EventGenerator(input, position));
  const events: NexmarkEvent[] = [];
  while (events.length < input.events)
    for (const generator of generators) if (generator.left > 0) events.push(generator.next());
  return events;
}

function eventsOfFile(file: string): readonly NexmarkEvent[] {
  return (linesIn(dirname(file), basename(file)) ?? []).map((line) => JSON.parse(line) as NexmarkEvent);
}
