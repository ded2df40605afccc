/** The job that the engine benchmarks run: source → filter → keyBy → 10 s tumbling count → sink. */

import { counting, defineJob, generate, type Sink, tumbling } from "millrace";
import { type Bid, bidMaker } from "./bids.ts";

interface Count {
  readonly value: number;
}

/** Counts what comes, so that a run proves that no event was skipped. */
function checkedSink(): Sink<Count> {
  return {
    name: "counted",
    writer: ({ metrics }) => {
      const results = metrics.counter("results");
      const events = metrics.counter("events");
      return {
        write: (count) => {
          results.add();
          events.add(count.value);
        },
      };
    },
  };
}

/** A window holds 10 seconds: a million events, or ten where there are a million keys. */
function perSecondOf(keys: number): number {
  return keys > 100_000 ? 1_000_000 : 100_000;
}

export const windowCount = defineJob(
  import.meta,
  "window-count",
  (env, { keys, events, projected }) => {
    const perSecond = perSecondOf(keys);
    const bids = env
      .from(generate<Bid>({ count: events, record: bidMaker(keys, perSecond), timestamp: (bid) => bid.dateTime }), {
        name: "bids",
      })
      .withTimestamps((bid) => bid.dateTime, { outOfOrderness: "10s" })
      .filter((bid) => bid.price > 100);
    // By its name the engine knows which field the key is, so that only that one travels.
    const keyed = projected ? bids.keyBy("auction") : bids.keyBy((bid) => bid.auction);
    keyed.window(tumbling("10s")).aggregate("count", counting()).to(checkedSink());
  },
  { params: { keys: 20_000, events: 10_000_000, projected: false } },
);
