/** J1 and J2 (see `bids.ts`) as programs of Millrace. */

import { counting, defineJob, tumbling } from "millrace";
import { json, kafka, toKafka } from "millrace/kafka";
import { type Bid, FACTOR, LIMIT } from "./bids.ts";

const params = { brokers: "127.0.0.1:9092", input: "in", output: "out", exactlyOnce: false, latest: false };

/** Says once, from whichever thread is the first, that records come. */
function firstSeen(): (bid: Bid) => boolean {
  let seen = false;
  return ({ price }) => {
    if (!seen) {
      seen = true;
      process.stdout.write(`FIRST ${Date.now()}\n`);
    }
    return price > LIMIT;
  };
}

export const j1 = defineJob(
  import.meta,
  "j1",
  (env, { brokers, input, output, exactlyOnce, latest }) => {
    env
      .from(kafka({ brokers, topics: input, value: json<Bid>(), from: latest ? "latest" : "earliest" }), {
        name: "bids",
      })
      .filter(firstSeen())
      .map((bid) => ({ ...bid, price: bid.price * FACTOR }))
      .to(toKafka({ brokers, topic: output, key: keyOf, guarantee: exactlyOnce ? "exactly-once" : "at-least-once" }));
  },
  { params },
);

export const j2 = defineJob(
  import.meta,
  "j2",
  (env, { brokers, input, output, exactlyOnce }) => {
    env
      .from(kafka({ brokers, topics: input, value: json<Bid>() }), {
        name: "bids",
        watermarks: { timestamp: (bid) => bid.dateTime },
      })
      .map(firstOf)
      .keyBy("auction")
      .window(tumbling("10s"))
      .aggregate("count", counting())
      .map(({ key, windowStart, value }) => ({ auction: key, start: windowStart, count: value }))
      .to(toKafka({ brokers, topic: output, key: keyOf, guarantee: exactlyOnce ? "exactly-once" : "at-least-once" }));
  },
  { params },
);

function keyOf({ auction }: { readonly auction: number }): string {
  return String(auction);
}

let seen = false;

function firstOf(bid: Bid): Bid {
  if (!seen) {
    seen = true;
    process.stdout.write(`FIRST ${Date.now()}\n`);
  }
  return bid;
}
