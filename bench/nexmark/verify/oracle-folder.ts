/**
 * Folders that a harness for Flink wrote: a table a query (`q5.jsonl`), perhaps the events (`events.jsonl`), each perhaps packed
 * (`.gz`), and what says of what the events were made: `input.json`, or the `manifest.json` of several such folders, which lies
 * beside them and has the tables' hashes.
 */

import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import type { GeneratedInput } from "../source.ts";
import { UsageError } from "../usage-error.ts";

/** A set of events and the tables of them. */
export interface ManifestSet extends Omit<GeneratedInput, "generators"> {
  /** Of Flink's source, so as many generators. */
  readonly parallelism: number;
  readonly files: Readonly<Record<string, { readonly rows: number; readonly sha256: string }>>;
}

/** By the names of their folders. */
export type Manifest = Readonly<Record<string, ManifestSet>>;

/** Undefined: there is none. @throws UsageError when it cannot be read. */
export function manifestIn(folder: string): Manifest | undefined {
  const file = join(folder, "manifest.json");
  if (!existsSync(file)) return undefined;
  const manifest = parsed(file) as Manifest;
  for (const [name, set] of Object.entries(manifest)) {
    checkInput(inputOf(set), `${file} of ${name}`);
    if (typeof set.files !== "object") throw new UsageError(`${file} of ${name} has no "files"`);
  }
  return manifest;
}

/** What the events of a set were made of; with another number of generators, those at the same setting. */
export function inputOf(set: ManifestSet, generators = set.parallelism): GeneratedInput {
  const { events, tps, seed, baseTime } = set;
  return { events, tps, seed, baseTime, generators };
}

/** What the events of the folder were made of; undefined: it does not say. @throws UsageError when that cannot be read. */
export function inputIn(folder: string): GeneratedInput | undefined {
  const file = join(folder, "input.json");
  if (existsSync(file)) return checkInput(parsed(file) as GeneratedInput, file);
  const path = resolve(folder);
  const set = manifestIn(dirname(path))?.[basename(path)];
  return set && inputOf(set);
}

/** The lines of a file of the folder, as it is or packed; undefined: there is none. @throws UsageError when it is damaged. */
export function linesIn(folder: string, name: string): readonly string[] | undefined {
  const path = join(folder, name);
  const text = existsSync(path)
    ? readable(path, () => readFileSync(path, "utf8"))
    : existsSync(`${path}.gz`)
      ? readable(`${path}.gz`, () => gunzipSync(readFileSync(`${path}.gz`)).toString())
      : undefined;
  return text?.split("\n").filter((line) => line !== "");
}

function parsed(file: string): unknown {
  return readable(file, () => JSON.parse(readFileSync(file, "utf8")) as unknown);
}

function readable<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function checkInput(input: GeneratedInput, where: string): GeneratedInput {
  const { events, tps, seed, baseTime, generators } = input ?? {};
  for (const [name, value] of Object.entries({ events, tps, seed, baseTime, generators }))
    if (typeof value !== "number") throw new UsageError(`${where} lacks the number "${name}"`);
  return input;
}
