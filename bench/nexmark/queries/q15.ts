/**
 * q15, bidding statistics: for every day the bids, bidders and auctions in all and by rank of price. The row is emitted anew
 * with every bid.
 *
 *   SELECT DATE_FORMAT(dateTime, 'yyyy-MM-dd') AS day, count(*) AS total_bids,
 *     count(*) FILTER (WHERE price < 10000) AS rank1_bids, …, count(DISTINCT bidder) AS total_bidders, …
 *   FROM bid GROUP BY day
 */

import { aggregates, type DataStream } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";
import { bidCounts } from "./bid-statistics.ts";
import { dayOf, dayText } from "./time-and-rank.ts";

export function q15(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .map(({ price, bidder, auction, dateTime }) => ({ day: dayOf(dateTime), price, bidder, auction }))
    .keyBy("day")
    .aggregate("statistics", aggregates(bidCounts))
    .map(({ key, value }) => ({
      day: dayText(key),
      total_bids: value.total_bids,
      rank1_bids: value.rank1_bids,
      rank2_bids: value.rank2_bids,
      rank3_bids: value.rank3_bids,
      total_bidders: value.total_bidders,
      rank1_bidders: value.rank1_bidders,
      rank2_bidders: value.rank2_bidders,
      rank3_bidders: value.rank3_bidders,
      total_auctions: value.total_auctions,
      rank1_auctions: value.rank1_auctions,
      rank2_auctions: value.rank2_auctions,
      rank3_auctions: value.rank3_auctions,
    }));
}
