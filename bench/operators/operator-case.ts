/** What a case of the operator benchmark is. One small file of cases for each family of operators; `cases.ts` lists them. */

import type { DataStream, Environment } from "millrace";

/** 40 bytes, as little as a record can be: what is measured is the operator, not what makes and carries records. */
export interface BenchEvent {
  /** 0 … keys-1, uniformly. */
  readonly key: number;
  /** 0 … 999, well mixed; to choose by. */
  readonly value: number;
  /** Event time in epoch milliseconds, rising. */
  readonly time: number;
  /** The number of the event: 0, 1, 2, … */
  readonly index: number;
}

export interface OperatorCase {
  /** What the table calls it, e.g. "tumbling 10 s, count". */
  readonly name: string;
  /**
   * Appends the operator to the events, which have their timestamps and are in order. A case of two inputs divides them by
   * `filter`. A second is 100,000 events, with a million keys a million, so that a key comes 50 or 10 times in 10 seconds.
   */
  build(events: DataStream<BenchEvent>, scale: BenchScale): DataStream<unknown>;
  /** For how many events a result stands, and how often each event has to be accounted for in all results together. */
  readonly accounts?: { readonly of: (result: never) => number; readonly times: number };
  /** What it is to reach at the least: events per CPU-second, at so many keys only if that is said. */
  readonly floor?: { readonly eventsPerCpuS: number; readonly keys?: number };
  /** The name of the case whose cost it may have at most so many times, without what the source costs. */
  readonly bound?: { readonly of: string; readonly times: number };
  /** Events to run with, as a multiple of the usual 10 million: less than 1 where an operator is slow. */
  readonly share?: number;
}

export interface BenchScale {
  readonly env: Environment;
  readonly keys: number;
}
