/**
 * q15, bidding statistics: for every day the bids, bidders and auctions in all and by rank of price. The row is emitted anew
 * with every bid.
 *
 *   SELECT DATE_FORMAT(dateTime, 'yyyy-MM-dd') AS day, count(*) AS total_bids,
 *     count(*) FILTER (WHERE price < 10000) AS rank1_bids, …, count(DISTINCT bidder) AS total_bidders, …
 *   FROM bid GROUP BY day
 */

import type { DataStream } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";
import { countBid, countStates } from "./bid-statistics.ts";
import { dayOf, dayText } from "./time-and-rank.ts";

export function q15(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .map(({ price, bidder, auction, dateTime }) => ({ day: dayOf(dateTime), price, bidder, auction }))
    .keyBy("day")
    .process("statistics", {
      state: countStates,
      process: (bid, { state }) => [{ day: dayText(bid.day), ...countBid(bid, state) }],
    });
}
