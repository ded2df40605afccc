/** The table that a query's output makes, as the lines in which the reference's harness wrote its own. */

import { createHash } from "node:crypto";
import type { Query } from "../queries/index.ts";

type Row = Readonly<Record<string, unknown>>;

/** The rows that are left when later ones have replaced earlier ones, one JSON object a line, sorted by their bytes. */
export function tableOf(query: Query, output: readonly object[]): string[] {
  return remaining(query, output as readonly Row[])
    .map((row) => lineOf(query, row))
    .sort(byBytes);
}

export function hashOf(lines: readonly string[]): string {
  const hash = createHash("sha256");
  for (const line of lines) hash.update(`${line}\n`);
  return hash.digest("hex");
}

function remaining({ upsertKey }: Query, rows: readonly Row[]): readonly Row[] {
  if (upsertKey === undefined) return rows;
  const latest = new Map(rows.map((row) => [JSON.stringify(upsertKey.map((field) => row[field])), row]));
  return [...latest.values()];
}

/** Prices in euros have three digits behind the point; the reference names some columns after others. */
function lineOf({ euros = [], columns }: Query, row: Row): string {
  const named = Object.entries(row).map(([name, value], i) => {
    const written = euros.includes(name) ? (value as number).toFixed(3) : value;
    return [columns?.[i] ?? name, written];
  });
  return JSON.stringify(Object.fromEntries(named));
}

function byBytes(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Where two tables part, in words; undefined where they are the same. */
export function firstDifference(table: readonly string[], expected: readonly string[]): string | undefined {
  const at = table.findIndex((line, i) => line !== expected[i]);
  const place = at < 0 ? table.length : at;
  if (place === table.length && place === expected.length) return undefined;
  return `${table.length} rows, expected ${expected.length}; at ${place} ${table[place] ?? "no row"}, expected ${expected[place] ?? "no row"}`;
}
