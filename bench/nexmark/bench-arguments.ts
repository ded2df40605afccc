/** The arguments of both benchmarks of Nexmark, ours alone and the one beside Flink. */

import { parseArgs } from "node:util";
import type { Setting } from "./measure.ts";
import { queryNamed } from "./queries/index.ts";

export interface BenchArguments {
  /** Absent: all that the benchmark has. */
  readonly queries: readonly string[] | undefined;
  /** Absent: as many as take `seconds`. */
  readonly events: number | undefined;
  readonly seconds: number;
  readonly repeats: number;
  readonly json: boolean;
  readonly setting: Setting;
  /** Of ours alone: compares what an event costs with what it does in ten times as many. */
  readonly scaling: boolean;
  // Beside Flink:
  /** Looks for the smallest heap with which Flink runs, and compares memory. */
  readonly memory: boolean;
  /** The JVM's largest heap. */
  readonly heap: string;
  /** The file of runs. Absent: none. */
  readonly results: string | undefined;
  /** After so many minutes no run is begun; the file of runs says where to go on. */
  readonly minutes: number;
}

const DEFAULT_SECONDS = 10;

/** @throws Error for arguments that make no sense. */
export function benchArguments(args: readonly string[]): BenchArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      queries: { type: "string" },
      events: { type: "string" },
      seconds: { type: "string", default: String(DEFAULT_SECONDS) },
      repeats: { type: "string", default: "1" },
      parallelism: { type: "string", default: "2" },
      checkpoint: { type: "string", default: "10s" },
      state: { type: "string", default: "memory" },
      json: { type: "boolean", default: false },
      scaling: { type: "boolean", default: false },
      memory: { type: "boolean", default: false },
      heap: { type: "string", default: "8g" },
      results: { type: "string" },
      minutes: { type: "string" },
    },
  });
  const queries = values.queries?.split(",");
  for (const query of queries ?? []) queryNamed(query);
  if (values.state !== "memory" && values.state !== "level") throw new Error(`--state is memory or level`);
  const { json, scaling, memory, heap, results, checkpoint, state } = values;
  return {
    ...{ queries, json, scaling, memory, heap, results },
    events: values.events === undefined ? undefined : count("events", values.events),
    seconds: count("seconds", values.seconds),
    repeats: count("repeats", values.repeats),
    minutes: values.minutes === undefined ? Number.POSITIVE_INFINITY : count("minutes", values.minutes),
    setting: { parallelism: count("parallelism", values.parallelism), checkpoint, state },
  };
}

function count(name: string, value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new Error(`--${name} is a whole number of at least 1, not ${value}`);
}
