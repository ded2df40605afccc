/** The arguments that both benchmarks of Nexmark take, ours alone and the one beside Flink. */

import { parseArgs } from "node:util";
import type { Setting } from "./measure.ts";
import { queryNamed, queryNames } from "./queries/index.ts";

export interface BenchArguments {
  readonly queries: readonly string[];
  /** Absent: as many as take `seconds`. */
  readonly events: number | undefined;
  readonly seconds: number;
  readonly repeats: number;
  readonly json: boolean;
  readonly setting: Setting;
  /** Where the harness for Flink is. */
  readonly harness: string;
}

const DEFAULT_SECONDS = 10;

/** @throws Error for arguments that make no sense. */
export function benchArguments(args: readonly string[]): BenchArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      queries: { type: "string", default: queryNames.join(",") },
      events: { type: "string" },
      seconds: { type: "string", default: String(DEFAULT_SECONDS) },
      repeats: { type: "string", default: "1" },
      parallelism: { type: "string", default: "2" },
      checkpoint: { type: "string", default: "10s" },
      state: { type: "string", default: "memory" },
      harness: { type: "string", default: "../shared/bench/flink-nexmark" },
      json: { type: "boolean", default: false },
    },
  });
  const queries = values.queries.split(",");
  for (const query of queries) queryNamed(query);
  if (values.state !== "memory" && values.state !== "level") throw new Error(`--state is memory or level`);
  return {
    queries,
    events: values.events === undefined ? undefined : count("events", values.events),
    seconds: count("seconds", values.seconds),
    repeats: count("repeats", values.repeats),
    json: values.json,
    setting: {
      parallelism: count("parallelism", values.parallelism),
      checkpoint: values.checkpoint,
      state: values.state,
    },
    harness: values.harness,
  };
}

function count(name: string, value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new Error(`--${name} is a whole number of at least 1, not ${value}`);
}
