/**
 * q17, auction statistics: for every auction and day how many bids there were, of which size, and their prices. The row is
 * emitted anew with every bid.
 *
 *   SELECT auction, DATE_FORMAT(dateTime, 'yyyy-MM-dd') AS day, count(*) AS total_bids, …
 *     avg(price) AS avg_price, sum(price) AS sum_price FROM bid GROUP BY auction, day
 */

import { aggregates, averaging, counting, type DataStream, filtered, maximum, minimum, summing } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";
import { dayOf, dayText, isRank1, isRank2, isRank3 } from "./time-and-rank.ts";

export function q17(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .map(({ auction, price, dateTime }) => ({ auction, price, day: dayOf(dateTime) }))
    .keyBy(["auction", "day"])
    .aggregate(
      "statistics",
      aggregates({
        total_bids: counting(),
        rank1_bids: filtered(isRank1, counting()),
        rank2_bids: filtered(isRank2, counting()),
        rank3_bids: filtered(isRank3, counting()),
        min_price: minimum("price"),
        max_price: maximum("price"),
        avg_price: averaging("price"),
        sum_price: summing("price"),
      }),
    )
    .map(({ key: [auction, day], value }) => ({
      auction,
      day: dayText(day),
      total_bids: value.total_bids,
      rank1_bids: value.rank1_bids,
      rank2_bids: value.rank2_bids,
      rank3_bids: value.rank3_bids,
      min_price: value.min_price,
      max_price: value.max_price,
      avg_price: Math.floor(value.avg_price),
      sum_price: value.sum_price,
    }));
}
