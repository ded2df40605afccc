/**
 * What the queries have to give: tables of Apache Flink's SQL on the same events.
 *
 * `manifest.json` has the tables' hashes for two sets of events. A folder that the Flink harness wrote has the tables
 * themselves (`mode=oracle`: a file a query) and perhaps the events (`mode=events`: `events.jsonl`), whatever their number,
 * seed and base time.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { NexmarkEvent } from "../events.ts";
import { EventGenerator, generatorPositions } from "../generator/event-generator.ts";
import type { Input } from "../job.ts";
import manifest from "../oracle/manifest.json" with { type: "json" };
import type { NexmarkOptions } from "../source.ts";
import { plainQ6 } from "./plain.ts";
import { hashOf } from "./table-of.ts";

export interface Oracle {
  readonly name: string;
  readonly input: Input;
  /** What is wrong with a query's table; undefined: nothing, or "unknown" when the oracle does not have it. */
  readonly problemOf: (query: string, table: readonly string[]) => string | undefined;
}

/** What the events are made of, in full. */
export type GeneratedInput = Required<Omit<NexmarkOptions, "throttled">>;

export type EventSet = keyof typeof manifest;

export const eventSets = Object.keys(manifest) as readonly EventSet[];

interface ManifestFile {
  readonly rows: number;
  readonly sha256: string;
}

/** The tables of which the repository has hashes. */
export function hashedOracle(set: EventSet): Oracle {
  const known = manifest[set].files as Readonly<Record<string, ManifestFile>>;
  return {
    name: set,
    input: inputOf(set),
    problemOf(query, table) {
      const expected = known[`${query}.jsonl`];
      if (expected === undefined) return "unknown";
      if (table.length !== expected.rows) return `${table.length} rows, expected ${expected.rows}`;
      return hashOf(table) === expected.sha256 ? undefined : "the rows are others";
    },
  };
}

/** The events of which the repository has hashes, and those of other generators at the same setting. */
export function inputOf(set: EventSet, generators = 1): GeneratedInput {
  const { events, tps, seed, baseTime } = manifest[set];
  return { events, tps, seed, baseTime, generators };
}

/** What a plain program makes of the same events, for q6, of which Flink's SQL has no table. */
export function plainOracle(name: string, input: GeneratedInput): Oracle {
  let expected: readonly string[] | undefined;
  return {
    name: `plain ${name}`,
    input,
    problemOf(query, table) {
      if (query !== "q6") return "unknown";
      expected ??= plainQ6(allEvents(input))
        .map((row) => JSON.stringify(row))
        .sort();
      return firstDifference(table, expected);
    },
  };
}

/** The events of all generators, by turns. */
function allEvents(input: GeneratedInput): NexmarkEvent[] {
  const events: NexmarkEvent[] = [];
  const positions = generatorPositions(input.events, input.generators, input.seed);
  const generators = positions.map((position) => new EventGenerator(input, position));
  while (events.length < input.events)
    for (const generator of generators) if (generator.left > 0) events.push(generator.next());
  return events;
}

/**
 * The tables in a folder. Of what its events were made, its `input.json` says; without one `otherwise` does, unless the
 * events are there too, which then are read from there.
 */
export function folderOracle(folder: string, otherwise: GeneratedInput): Oracle {
  const eventsFile = join(folder, "events.jsonl");
  const given = inputIn(folder);
  return {
    name: folder,
    input: given ?? (existsSync(eventsFile) ? { ...otherwise, eventsFile } : otherwise),
    problemOf(query, table) {
      const expected = linesOf(join(folder, `${query}.jsonl`));
      return expected === undefined ? "unknown" : firstDifference(table, expected);
    },
  };
}

/** What the events of the folder were made of, if its `input.json` says so. */
export function inputIn(folder: string): GeneratedInput | undefined {
  const file = join(folder, "input.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as GeneratedInput) : undefined;
}

/** Where the generator here makes other events than the folder has; undefined: nowhere, or it does not have them. */
export function problemOfEvents(folder: string, input: GeneratedInput): string | undefined {
  const expected = linesOf(join(folder, "events.jsonl"));
  if (expected === undefined) return undefined;
  return firstDifference(
    allEvents(input).map((event) => JSON.stringify(event)),
    expected,
  );
}

function linesOf(file: string): string[] | undefined {
  const text = existsSync(file)
    ? readFileSync(file, "utf8")
    : existsSync(`${file}.gz`)
      ? gunzipSync(readFileSync(`${file}.gz`)).toString()
      : undefined;
  return text?.split("\n").filter((line) => line !== "");
}

/** Where two tables part, in words; undefined where they are the same. */
export function firstDifference(table: readonly string[], expected: readonly string[]): string | undefined {
  const at = table.findIndex((line, i) => line !== expected[i]);
  const place = at < 0 ? table.length : at;
  if (place === table.length && place === expected.length) return undefined;
  return `${table.length} rows, expected ${expected.length}; at ${place} ${table[place] ?? "no row"}, expected ${expected[place] ?? "no row"}`;
}
