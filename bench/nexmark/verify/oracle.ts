/**
 * What the queries have to give: tables of Apache Flink's SQL on the same events.
 *
 * `manifest.json` has the tables' hashes for two sets of events. A folder that the Flink harness wrote has the tables
 * themselves (`mode=oracle`: a file a query) and perhaps the events (`mode=events`: `events.jsonl`); these are then read
 * from there, whatever their number, seed and base time.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { NexmarkEvent } from "../events.ts";
import { EventGenerator, generatorPositions } from "../generator/event-generator.ts";
import type { Input } from "../job.ts";
import manifest from "../oracle/manifest.json" with { type: "json" };
import type { NexmarkOptions } from "../source.ts";
import { plainQ6, plainQ12 } from "./plain.ts";
import { hashOf } from "./table-of.ts";

export interface Oracle {
  readonly name: string;
  readonly input: Input;
  /** What is wrong with a query's table; undefined: nothing, or "unknown" when the oracle does not have it. */
  readonly problemOf: (query: string, table: readonly string[]) => string | undefined;
}

export type EventSet = keyof typeof manifest;

export const eventSets = Object.keys(manifest) as readonly EventSet[];

interface ManifestFile {
  readonly rows: number;
  readonly sha256: string;
}

/** The tables of which the repository has hashes. */
export function hashedOracle(set: EventSet): Oracle {
  const { events, tps, seed, baseTime, files } = manifest[set];
  const known = files as Readonly<Record<string, ManifestFile>>;
  return {
    name: set,
    input: { events, tps, seed, baseTime, generators: 1 },
    problemOf(query, table) {
      const expected = known[`${query}.jsonl`];
      if (expected === undefined) return "unknown";
      if (table.length !== expected.rows) return `${table.length} rows, expected ${expected.rows}`;
      return hashOf(table) === expected.sha256 ? undefined : "the rows are others";
    },
  };
}

/** What a plain program makes of the same events, for the queries of which Flink's SQL has no table. */
export function plainOracle(set: EventSet): Oracle {
  const { events, tps, seed, baseTime } = manifest[set];
  const input = { events, tps, seed, baseTime, generators: 2 };
  const made = allEvents(input);
  const tables: Readonly<Record<string, () => readonly object[]>> = {
    q6: () => plainQ6(made),
    q12: () => [...plainQ12(made)].map(([bidder, bid_count]) => ({ bidder, bid_count })),
  };
  return {
    name: `plain ${set}`,
    input,
    problemOf(query, table) {
      const expected = tables[query]?.();
      if (expected === undefined) return "unknown";
      const lines = expected.map((row) => JSON.stringify(row)).sort();
      return firstDifference(query === "q12" ? countsOf(table) : table, lines);
    },
  };
}

function allEvents(input: Required<Omit<NexmarkOptions, "throttled">>): NexmarkEvent[] {
  return generatorPositions(input.events, input.generators, input.seed).flatMap((position) => {
    const generator = new EventGenerator(input, position);
    return Array.from({ length: generator.left }, () => generator.next());
  });
}

/** q12's rows without their windows, which are the clock's: all bids of each bidder. */
function countsOf(table: readonly string[]): string[] {
  const rows = table.map((line) => JSON.parse(line) as { readonly bidder: number; readonly bid_count: number });
  const bidders = Map.groupBy(rows, ({ bidder }) => bidder);
  return [...bidders]
    .map(([bidder, own]) => JSON.stringify({ bidder, bid_count: own.reduce((sum, row) => sum + row.bid_count, 0) }))
    .sort();
}

/** The tables in a folder; `input` says what its events were made of, unless they are there too. */
export function folderOracle(folder: string, input: Input): Oracle {
  const eventsFile = join(folder, "events.jsonl");
  return {
    name: folder,
    input: existsSync(eventsFile) ? { ...input, eventsFile } : input,
    problemOf(query, table) {
      const expected = linesOf(join(folder, `${query}.jsonl`));
      return expected === undefined ? "unknown" : firstDifference(table, expected);
    },
  };
}

function linesOf(file: string): string[] | undefined {
  const text = existsSync(file)
    ? readFileSync(file, "utf8")
    : existsSync(`${file}.gz`)
      ? gunzipSync(readFileSync(`${file}.gz`)).toString()
      : undefined;
  return text?.split("\n").filter((line) => line !== "");
}

function firstDifference(table: readonly string[], expected: readonly string[]): string | undefined {
  const at = table.findIndex((line, i) => line !== expected[i]);
  const place = at < 0 ? table.length : at;
  if (place === table.length && place === expected.length) return undefined;
  return `${table.length} rows, expected ${expected.length}; at ${place} ${table[place] ?? "no row"}, expected ${expected[place] ?? "no row"}`;
}
