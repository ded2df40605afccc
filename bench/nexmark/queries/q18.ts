/**
 * q18, last bids: of every bidder for every auction the last bid, as it changes.
 *
 *   SELECT auction, bidder, price, channel, url, dateTime, extra FROM (SELECT *, ROW_NUMBER() OVER
 *     (PARTITION BY bidder, auction ORDER BY dateTime DESC) AS rank_number FROM bid) WHERE rank_number <= 1
 */

import type { DataStream } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";

export function q18(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .select("auction", "bidder", "price", "channel", "url", "dateTime", "extra")
    .keyBy(["bidder", "auction"])
    .deduplicate("last", { keep: "last", time: "event", emit: "upserts" })
    .map(({ value }) => value);
}
