/**
 * q19, top bids: of every auction the ten bids with the highest prices, each with its place, as they change.
 *
 *   SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS rank_number FROM bid)
 *   WHERE rank_number <= 10
 */

import type { DataStream } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";

export function q19(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .select("auction", "bidder", "price", "channel", "url", "dateTime", "extra")
    .keyBy("auction")
    .topN("top", { n: 10, by: "price", ranks: true, emit: "upserts" })
    .map(({ value: { rank, value } }) => ({
      auction: value.auction,
      bidder: value.bidder,
      price: value.price,
      channel: value.channel,
      url: value.url,
      dateTime: value.dateTime,
      extra: value.extra,
      rank_number: rank,
    }));
}
