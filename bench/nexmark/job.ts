/** The job that runs a query: Nexmark's events with their times, the query, and a sink. */

import { collectTo, defineJob, type Environment, jsonl, type Sink, type Source } from "millrace";
import { consume } from "./consume.ts";
import type { NexmarkEvent } from "./events.ts";
import { queryNamed } from "./queries/index.ts";
import { type GeneratedInput, nexmark } from "./source.ts";

/** What the events are made of, or the file that has so many, one a line. */
export type Input = GeneratedInput | { readonly events: number; readonly eventsFile: string };

/** Describes the query's way from the events to the sink. `disturb`: what becomes of the source before it is read. */
export function buildQuery(
  env: Environment,
  name: string,
  input: Input,
  sink: Sink<object>,
  disturb: (source: Source<NexmarkEvent>) => Source<NexmarkEvent> = (source) => source,
): void {
  const query = queryNamed(name);
  const source: Source<NexmarkEvent> = "eventsFile" in input ? jsonl<NexmarkEvent>(input.eventsFile) : nexmark(input);
  // One subtask reads a file, as its parts would otherwise be read at a time, and most of it be late.
  const options = "eventsFile" in input ? { parallelism: 1 } : {};
  const events = env.from(disturb(source), { name: "nexmark", ...options });
  const timed = query.timeless
    ? events
    : events.withTimestamps(({ dateTime }) => dateTime, { outOfOrderness: "4s", ...options });
  query.build(timed).to(sink);
}

const nexmarkJob = defineJob(
  import.meta,
  "nexmark",
  (env, { query, collect, ...input }) => buildQuery(env, query, input, collect ? collectTo("rows") : consume()),
  {
    params: {
      query: "q0",
      events: 1_000_000,
      tps: 100_000,
      seed: 42,
      generators: 1,
      baseTime: 1_436_918_400_000,
      /** Whether the rows go to whoever runs the job; else they are read and dropped. */
      collect: false,
    },
  },
);

export default nexmarkJob;
