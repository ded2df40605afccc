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
import type { Input } from "../job.ts";
import manifest from "../oracle/manifest.json" with { type: "json" };
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
