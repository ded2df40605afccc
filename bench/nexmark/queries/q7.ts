/**
 * q7, highest bid: of every ten seconds the bids with the highest price; several may have it. A bid at the very end of the
 * ten seconds, which belongs to the next ones, is among them if its price is the same.
 *
 *   SELECT B.auction, B.price, B.bidder, B.dateTime, B.extra FROM bid B JOIN (SELECT MAX(price) AS maxprice, window_end AS
 *     dateTime FROM (bid in windows of 10 s) GROUP BY window_start, window_end) B1 ON B.price = B1.maxprice
 *   WHERE B.dateTime BETWEEN B1.dateTime - INTERVAL '10' SECOND AND B1.dateTime
 */

import { type DataStream, tumbling, type ValueAggregate, valueState } from "millrace";
import { type Bid, isBid, type NexmarkEvent } from "../events.ts";

const WINDOW_MS = 10_000;

export function q7(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .select("auction", "price", "bidder", "dateTime", "extra")
    .windowAll(tumbling("10s"))
    .aggregate("highest", highest)
    .keyBy("key")
    .process("highest of the window and at its end", {
      state: { before: valueState({ end: 0, price: 0 }) },
      process({ windowStart, windowEnd, value: { bids, opening } }, { state: { before } }) {
        const { end, price } = before.get();
        const atItsEnd = end === windowStart ? opening.filter((bid) => bid.price === price) : [];
        before.set({ end: windowEnd, price: priceOf(bids) });
        return [...atItsEnd, ...bids];
      },
    });
}

type OfferedBid = Omit<Bid, "type" | "channel" | "url">;

interface Highest {
  readonly bids: readonly OfferedBid[];
  /** Those of the window's first millisecond, which is the end of the window before. */
  readonly opening: readonly OfferedBid[];
}

const highest: ValueAggregate<OfferedBid, Highest, Highest> = {
  create: () => ({ bids: [], opening: [] }),
  add: (all, bid) => {
    const { bids, opening } = all;
    const begins = bid.dateTime % WINDOW_MS === 0;
    if (!begins && bid.price < priceOf(bids)) return all;
    return { bids: higher(bids, [bid]), opening: begins ? [...opening, bid] : opening };
  },
  merge: (one, other) => ({ bids: higher(one.bids, other.bids), opening: [...one.opening, ...other.opening] }),
  result: (all) => all,
  fields: ["auction", "price", "bidder", "dateTime", "extra"],
  partials: "plain",
};

function higher(one: readonly OfferedBid[], other: readonly OfferedBid[]): readonly OfferedBid[] {
  const difference = priceOf(one) - priceOf(other);
  return difference === 0 ? [...one, ...other] : difference > 0 ? one : other;
}

/** They all have the same. */
function priceOf(bids: readonly OfferedBid[]): number {
  return bids[0]?.price ?? 0;
}
