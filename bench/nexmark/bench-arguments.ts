/** The arguments of both benchmarks of Nexmark, ours alone and the one beside Flink. */

import { parseArgs } from "node:util";
import { type Duration, positiveDurationMs } from "../../core/time.ts";
import { queriesOf, wholeNumberOf } from "./argument-values.ts";
import { HEAPS } from "./flink-memory.ts";
import type { Setting } from "./measure.ts";
import { UsageError } from "./usage-error.ts";

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
  /** Flink's memory for exchanges where memory is compared. */
  readonly network: string;
  /** The heaps among which the smallest one is looked for, from small to large. */
  readonly heaps: readonly string[];
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

/** @throws UsageError for arguments that make no sense. */
export function benchArguments(args: readonly string[]): BenchArguments {
  const { values } = parseArgs({
    args: [...args],
    options: { ...common, scaling: { type: "boolean", default: false } },
  });
  return { ...commonArguments(values), scaling: values.scaling };
}

/** @throws UsageError for arguments that make no sense. */
export function comparisonArguments(args: readonly string[]): ComparisonArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...common,
      memory: { type: "boolean", default: false },
      heap: { type: "string", default: "8g" },
      network: { type: "string", default: "256m" },
      heaps: { type: "string" },
      results: { type: "string" },
      minutes: { type: "string" },
    },
  });
  const { memory, results, minutes } = values;
  const heap = sizeOf("heap", values.heap);
  const network = sizeOf("network", values.network);
  return {
    ...{ ...commonArguments(values), memory, heap, network, heaps: heapsOf(values.heaps, network), results },
    minutes: minutes === undefined ? Number.POSITIVE_INFINITY : wholeNumberOf("minutes", minutes),
  };
}

function sizeOf(name: string, size: string): string {
  if (/^[1-9]\d*[mg]$/.test(size)) return size;
  throw new UsageError(`--${name} is a size such as 8g or 512m, not "${size}"`);
}

/** Those asked for in which Flink can begin: -Xmx bounds the memory for exchanges as well. */
function heapsOf(list: string | undefined, network: string): readonly string[] {
  const asked = list?.split(",") ?? HEAPS;
  const unknown = asked.find((heap) => !HEAPS.includes(heap));
  if (unknown !== undefined) throw new UsageError(`--heaps are some of ${HEAPS.join(",")}, not "${unknown}"`);
  const heaps = HEAPS.filter((heap) => asked.includes(heap) && megabytes(heap) > megabytes(network));
  if (heaps.length > 0) return heaps;
  throw new UsageError(
    `--heaps has none that is larger than the ${network} for exchanges; name a larger one, or a smaller --network`,
  );
}

function megabytes(size: string): number {
  return Number.parseInt(size, 10) * (size.endsWith("g") ? 1024 : 1);
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
    throw new UsageError("a run has so many --events or --seconds, not both");
  if (state !== "memory" && state !== "level") throw new UsageError(`--state is memory or level, not "${state}"`);
  checkInterval(checkpoint);
  return {
    queries: queries === undefined ? undefined : queriesOf(queries),
    events: events === undefined ? undefined : wholeNumberOf("events", events),
    seconds: seconds === undefined ? DEFAULT_SECONDS : wholeNumberOf("seconds", seconds),
    repeats: wholeNumberOf("repeats", repeats),
    json,
    setting: { parallelism: wholeNumberOf("parallelism", parallelism), checkpoint, state },
  };
}

function checkInterval(checkpoint: string): void {
  if (checkpoint === "off") return;
  try {
    positiveDurationMs(checkpoint as Duration, "--checkpoint, unless it is off,");
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
}
