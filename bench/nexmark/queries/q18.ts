/**
 * q18, last bids: of every bidder for every auction the last bid, as it changes.
 *
 *   SELECT auction, bidder, price, channel, url, dateTime, extra FROM (SELECT *, ROW_NUMBER() OVER
 *     (PARTITION BY bidder, auction ORDER BY dateTime DESC) AS rank_number FROM bid) WHERE rank_number <= 1
 */

import { type DataStream, valueState } from "millrace";
import { type Bid, isBid, type NexmarkEvent } from "../events.ts";

export function q18(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .select("auction", "bidder", "price", "channel", "url", "dateTime", "extra")
    .keyBy(["bidder", "auction"])
    .process("last", {
      state: { last: valueState<Omit<Bid, "type">>() },
      process(bid, { state: { last } }) {
        const before = last.get();
        if (before !== undefined && before.dateTime >= bid.dateTime) return [];
        last.set(bid);
        return [bid];
      },
    });
}
