/** The arguments of both benchmarks of Nexmark, ours alone and the one beside Flink. */

import { parseArgs } from "node:util";
import { type Duration, positiveDurationMs } from "../../core/time.ts";
import { queriesOf, wholeNumberOf } from "./argument-values.ts";
import type { Setting } from "./measure.ts";

interface CommonArguments {
  /** Absent: all that the benchmark has. */
  readonly queries: readonly string[] | undefined;
  /** Absent: as many as take `seconds`. */
  readonly events: number | undefined;
  readonly seconds: number;
  readonly repeats: number;
  readonly json: boolean;
  readonly setting: Setting;
}

export interface BenchArguments extends CommonArguments {
  /** Compares what an event costs with what it does in ten times as many. */
  readonly scaling: boolean;
}

export interface ComparisonArguments extends CommonArguments {
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

const common = {
  queries: { type: "string" },
  events: { type: "string" },
  seconds: { type: "string" },
  repeats: { type: "string", default: "1" },
  parallelism: { type: "string", default: "2" },
  checkpoint: { type: "string", default: "10s" },
  state: { type: "string", default: "memory" },
  json: { type: "boolean", default: false },
} as const;

/** @throws Error for arguments that make no sense. */
export function benchArguments(args: readonly string[]): BenchArguments {
  const { values } = parseArgs({
    args: [...args],
    options: { ...common, scaling: { type: "boolean", default: false } },
  });
  return { ...commonArguments(values), scaling: values.scaling };
}

/** @throws Error for arguments that make no sense. */
export function comparisonArguments(args: readonly string[]): ComparisonArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...common,
      memory: { type: "boolean", default: false },
      heap: { type: "string", default: "8g" },
      results: { type: "string" },
      minutes: { type: "string" },
    },
  });
  const { memory, heap, results, minutes } = values;
  if (!/^[1-9]\d*[mg]$/.test(heap)) throw new Error(`--heap is a size such as 8g or 512m, not "${heap}"`);
  return {
    ...{ ...commonArguments(values), memory, heap, results },
    minutes: minutes === undefined ? Number.POSITIVE_INFINITY : wholeNumberOf("minutes", minutes),
  };
}

interface CommonValues extends Readonly<Record<"repeats" | "parallelism" | "checkpoint" | "state", string>> {
  readonly queries?: string;
  readonly events?: string;
  readonly seconds?: string;
  readonly json: boolean;
}

function commonArguments(values: CommonValues): CommonArguments {
  const { queries, events, seconds, repeats, parallelism, checkpoint, state, json } = values;
  if (events !== undefined && seconds !== undefined)
    throw new Error("a run has so many --events or --seconds, not both");
  if (state !== "memory" && state !== "level") throw new Error(`--state is memory or level, not "${state}"`);
  if (checkpoint !== "off") positiveDurationMs(checkpoint as Duration, "--checkpoint, unless it is off,");
  return {
    queries: queries === undefined ? undefined : queriesOf(queries),
    events: events === undefined ? undefined : wholeNumberOf("events", events),
    seconds: seconds === undefined ? DEFAULT_SECONDS : wholeNumberOf("seconds", seconds),
    repeats: wholeNumberOf("repeats", repeats),
    json,
    setting: { parallelism: wholeNumberOf("parallelism", parallelism), checkpoint, state },
  };
}
