/** What the programs here take as arguments alike: names of queries, and numbers. */

import { type QueryName, queryNamed } from "./queries/index.ts";
import type { GeneratedInput } from "./source.ts";
import { UsageError } from "./usage-error.ts";

/** @throws UsageError for a name that no query has. */
export function queriesOf(text: string): readonly QueryName[] {
  const names = text.split(",");
  for (const name of names) queryNamed(name);
  return names as QueryName[];
}

/** @throws UsageError unless it is a whole number of at least `least`. */
export function wholeNumberOf(name: string, text: string, least = 1): number {
  const number = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(number) && number >= least) return number;
  throw new UsageError(`--${name} is a whole number of at least ${least}, not "${text}"`);
}

/** The options of `parseArgs` that say what events are made of. */
export const inputOptions = {
  events: { type: "string" },
  tps: { type: "string" },
  seed: { type: "string" },
  "base-time": { type: "string" },
  generators: { type: "string" },
} as const;

/** What the events are made of, where an argument is absent as the default says. @throws UsageError for what is no number. */
export function inputOfArguments(
  values: Readonly<Partial<Record<keyof typeof inputOptions, string>>>,
  otherwise: GeneratedInput,
): GeneratedInput {
  const number = (name: keyof typeof inputOptions, absent: number, least: number): number =>
    wholeNumberOf(name, values[name] ?? String(absent), least);
  return {
    events: number("events", otherwise.events, 1),
    tps: number("tps", otherwise.tps, 1),
    seed: number("seed", otherwise.seed, 0),
    baseTime: number("base-time", otherwise.baseTime, 0),
    generators: number("generators", otherwise.generators, 1),
  };
}
