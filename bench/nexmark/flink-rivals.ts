/** The ways of running a query on Flink, of which the better one counts, and one measured run of it. */

import { type FlinkOptions, runFlink } from "./flink-process.ts";
import type { Figures, Setting } from "./measure.ts";

export interface Rival {
  /** What it is called in the file of runs. */
  readonly name: string;
  /** What the harness calls the query or job. */
  readonly query: string;
  readonly objectReuse: boolean;
}

/** Flink's SQL has no such query: the window of q6 is over rows that change. */
const notInSql = ["q6"];

/** Those whose job may be written so that only the key is sent. */
const projected = ["ds-window", "ds-count"];

/** Events of the warm-up where the number of events is given. */
const WARMUP_EVENTS = 300_000;

export function hasRival(query: string): boolean {
  return !notInSql.includes(query);
}

export function isStreamJob(query: string): boolean {
  return query.startsWith("ds-");
}

/** That which mostly is the best comes first. */
export function rivalsOf(query: string): readonly Rival[] {
  const written = projected.includes(query) ? [`${query}-projected`, query] : [query];
  return written.flatMap((each) =>
    [true, false].map((objectReuse) => ({
      name: `flink ${each}${objectReuse ? " reuse" : ""}`,
      query: each,
      objectReuse,
    })),
  );
}

/** How long the measured run is: in events, or in seconds by what the warm-up tells; and what else the harness is told. */
export type Length = ({ readonly events: number } | { readonly seconds: number }) & {
  /** Flink's memory for exchanges. */
  readonly network?: string;
};

/** @throws Error when Flink fails. */
export async function measureRival(
  { query, objectReuse }: Rival,
  length: Length,
  setting: Setting,
  jvm: FlinkOptions,
): Promise<Figures> {
  const { parallelism, checkpoint, state } = setting;
  const output = await runFlink(
    {
      ...("events" in length ? { ...length, warmup: WARMUP_EVENTS } : length),
      ...{ queries: query, parallelism, checkpoint, "object-reuse": objectReuse },
      backend: state === "memory" ? "hashmap" : "rocksdb",
    },
    jvm,
  );
  const line = output.split("\n").find((each) => each.startsWith("RESULT "));
  if (line === undefined) throw new Error(`Flink ended ${query} without a result`);
  return JSON.parse(line.slice("RESULT ".length)) as Figures;
}
