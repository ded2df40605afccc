/** The arguments of both benchmarks of Nexmark, ours alone and the one beside Flink. */

import { parseArgs } from "node:util";
import { queriesOf, wholeNumberOf } from "./argument-values.ts";
import type { Setting } from "./measure.ts";

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
  if (values.state !== "memory" && values.state !== "level") throw new Error(`--state is memory or level`);
  const { json, scaling, memory, heap, results, checkpoint, state } = values;
  return {
    ...{ json, scaling, memory, heap, results },
    queries: values.queries === undefined ? undefined : queriesOf(values.queries),
    events: values.events === undefined ? undefined : wholeNumberOf("events", values.events),
    seconds: wholeNumberOf("seconds", values.seconds),
    repeats: wholeNumberOf("repeats", values.repeats),
    minutes: values.minutes === undefined ? Number.POSITIVE_INFINITY : wholeNumberOf("minutes", values.minutes),
    setting: { parallelism: wholeNumberOf("parallelism", values.parallelism), checkpoint, state },
  };
}
