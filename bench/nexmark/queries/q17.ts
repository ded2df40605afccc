/**
 * q17, auction statistics: for every auction and day how many bids there were, of which size, and their prices. The row is
 * emitted anew with every bid.
 *
 *   SELECT auction, DATE_FORMAT(dateTime, 'yyyy-MM-dd') AS day, count(*) AS total_bids, …
 *     avg(price) AS avg_price, sum(price) AS sum_price FROM bid GROUP BY auction, day
 */

import { type DataStream, valueState } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";
import { dayOf, dayText, rankOf } from "./time-and-rank.ts";

interface Statistics {
  readonly auction: number;
  readonly day: string;
  readonly total_bids: number;
  readonly rank1_bids: number;
  readonly rank2_bids: number;
  readonly rank3_bids: number;
  readonly min_price: number;
  readonly max_price: number;
  readonly avg_price: number;
  readonly sum_price: number;
}

export function q17(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .map(({ auction, price, dateTime }) => ({ auction, price, day: dayOf(dateTime) }))
    .keyBy(["auction", "day"])
    .process("statistics", {
      state: { statistics: valueState<Statistics>() },
      process({ auction, day, price }, { state: { statistics } }) {
        const before = statistics.get();
        const rank = rankOf(price);
        const total_bids = (before?.total_bids ?? 0) + 1;
        const sum_price = (before?.sum_price ?? 0) + price;
        const after: Statistics = {
          auction,
          day: dayText(day),
          total_bids,
          rank1_bids: (before?.rank1_bids ?? 0) + (rank === 1 ? 1 : 0),
          rank2_bids: (before?.rank2_bids ?? 0) + (rank === 2 ? 1 : 0),
          rank3_bids: (before?.rank3_bids ?? 0) + (rank === 3 ? 1 : 0),
          min_price: Math.min(before?.min_price ?? price, price),
          max_price: Math.max(before?.max_price ?? price, price),
          avg_price: Math.floor(sum_price / total_bids),
          sum_price,
        };
        statistics.set(after);
        return [after];
      },
    });
}
