/**
 * The engine in few files: what `npm start` runs instead of 200 files of the engine and 220 of its packages, which take the
 * main thread and every slot's thread the larger part of their start.
 *
 * `make-engine.ts` makes it when the checkout is installed. The law: it runs only where it was made, while every file that
 * went into it still has the same bytes; else the sources run. So whoever changes a line never runs an old one.
 *
 *   node_modules/.cache/millrace/engine/<hash>/engine.json, *.mjs
 */

import { hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { type ResolveHookSync, registerHooks } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { getEnvironmentData, isMainThread, setEnvironmentData } from "node:worker_threads";

export const root = dirname(import.meta.dirname);
export const enginesFolder = join(root, "node_modules/.cache/millrace/engine");

/** What `engine.json` says. Paths are relative to the checkout, those of the engine's own files to its folder. */
export interface Engine {
  /** Where the checkout was. */
  readonly root: string;
  /** The files that it was made of, and those that made it. */
  readonly inputs: readonly string[];
  /** Of their bytes. */
  readonly hash: string;
  /** Modules that others load → the file that each became. */
  readonly entries: Readonly<Record<string, string>>;
}

/** What is run instead of what, by URL. */
interface Substitutes {
  readonly files: ReadonlyMap<string, string>;
  /** All that the engine has of the checkout's own. */
  readonly sources: ReadonlySet<string>;
}

export function hashOf(inputs: readonly string[]): string {
  return hash("sha1", inputs.map((path) => `${path} ${hash("sha1", readFileSync(join(root, path)))}\n`).join(""));
}

/** Lets this process and its threads run the prepared engine, if there is one. */
export function usePreparedEngine(): void {
  const key = "millrace.prepared-engine";
  const prepared = isMainThread ? preparedEngine() : (getEnvironmentData(key) as Substitutes | undefined);
  if (prepared === undefined) return;
  if (isMainThread) setEnvironmentData(key, prepared);
  registerHooks({ resolve: instead(prepared) });
}

function preparedEngine(): Substitutes | undefined {
  try {
    for (const name of readdirSync(enginesFolder)) {
      const folder = join(enginesFolder, name);
      const engine: Engine = JSON.parse(readFileSync(join(folder, "engine.json"), "utf8"));
      if (engine.root === root && hashOf(engine.inputs) === engine.hash) return substitutes(engine, folder);
    }
  } catch {
    // Not made, or a file that it was made of is gone.
  }
  return undefined;
}

function substitutes({ entries, inputs }: Engine, folder: string): Substitutes {
  const url = (base: string, path: string): string => pathToFileURL(join(base, path)).href;
  const own = inputs.filter((input) => !input.includes("node_modules/"));
  return {
    files: new Map(Object.entries(entries).map(([source, file]) => [url(root, source), url(folder, file)])),
    sources: new Set(own.map((source) => url(root, source))),
  };
}

/** Two copies of core are two different cores: what is in the prepared engine is never loaded from its source too. */
function instead({ files, sources }: Substitutes): ResolveHookSync {
  return (specifier, context, next) => {
    const found = next(specifier, context);
    const file = files.get(found.url);
    if (file !== undefined) return { url: file, format: "module", shortCircuit: true };
    if (!sources.has(found.url)) return found;
    throw new Error(`${found.url} is part of the prepared engine, and only its entries can be imported`);
  };
}
