/** The job that runs a query: Nexmark's events with their times, the query, and a sink. */

import { collectTo, defineJob, type Environment, jsonl, type Sink } from "millrace";
import { consume } from "./consume.ts";
import type { NexmarkEvent } from "./events.ts";
import { queryNamed } from "./queries/index.ts";
import { type NexmarkOptions, nexmark } from "./source.ts";

export interface Input extends Omit<NexmarkOptions, "throttled"> {
  /** A file of events, one a line, in the place of the generator. Absent or empty: the generator. */
  readonly eventsFile?: string;
}

export const inputParams = {
  query: "q0",
  events: 1_000_000,
  eventsFile: "",
  tps: 100_000,
  seed: 42,
  generators: 1,
  baseTime: 1_436_918_400_000,
};

/** Describes the query's way from the events to the sink. */
export function buildQuery(env: Environment, name: string, input: Input, sink: Sink<object>): void {
  const query = queryNamed(name);
  const { eventsFile = "" } = input;
  // One subtask reads the file, as its parts would otherwise be read at a time, and most of it be late.
  const options = eventsFile === "" ? {} : { parallelism: 1 };
  const source = eventsFile === "" ? nexmark(input) : jsonl<NexmarkEvent>(eventsFile);
  const events = env.from(source, { name: "nexmark", ...options });
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
    /** `collect`: whether the rows go to whoever runs the job; else they are read and dropped. */
    params: { ...inputParams, collect: false },
  },
);

export default nexmarkJob;
