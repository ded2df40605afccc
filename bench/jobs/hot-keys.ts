/** The window count of bids of which one auction has a share, aggregated before the shuffle, behind it, or as the plan says. */

import { counting, defineJob, generate, type Sink, tumbling } from "millrace";
import { type Bid, bidMaker } from "./bids.ts";

const PER_SECOND = 100_000;

/** Counts what comes, so that a run proves that no event was skipped. */
function countedSink(): Sink<{ readonly value: number }> {
  return {
    name: "counted",
    writer: ({ metrics }) => {
      const results = metrics.counter("results");
      const events = metrics.counter("events");
      return {
        write: ({ value }) => {
          results.add();
          events.add(value);
        },
      };
    },
  };
}

/** Of a hundred bids in a row, the first `percent` are for auction 0. */
function hotBids(keys: number, percent: number): (index: number) => Bid {
  const bidOf = bidMaker(keys, PER_SECOND);
  return (index) => {
    const bid = bidOf(index);
    return (index * 37) % 100 < percent ? { ...bid, auction: 0 } : bid;
  };
}

export const hotKeys = defineJob(
  import.meta,
  "hot-keys",
  (env, { keys, events, percent, projected, aggregated }) => {
    const bids = env
      .from(generate<Bid>({ count: events, record: hotBids(keys, percent), timestamp: (bid) => bid.dateTime }), {
        name: "bids",
      })
      .withTimestamps((bid) => bid.dateTime, { outOfOrderness: "10s" })
      .filter((bid) => bid.price >= 0);
    const keyed = projected ? bids.keyBy("auction") : bids.keyBy((bid) => bid.auction);
    const options = aggregated === "by-itself" ? {} : { preAggregate: aggregated === "before" };
    keyed.window(tumbling("10s"), options).aggregate("count", counting()).to(countedSink());
  },
  { params: { keys: 20_000, events: 10_000_000, percent: 50, projected: false, aggregated: "by-itself" } },
);
