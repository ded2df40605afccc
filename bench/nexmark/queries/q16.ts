/**
 * q16, channel statistics: for every channel and day what q15 counts, and the latest minute. The row is emitted anew with
 * every bid.
 *
 *   SELECT channel, DATE_FORMAT(dateTime, 'yyyy-MM-dd') AS day, max(DATE_FORMAT(dateTime, 'HH:mm')) AS minute,
 *     count(*) AS total_bids, … FROM bid GROUP BY channel, day
 */

import { aggregates, type DataStream, maximum } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";
import { bidCounts } from "./bid-statistics.ts";
import { dayOf, dayText, minuteOf, minuteText } from "./time-and-rank.ts";

export function q16(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .map(({ channel, price, bidder, auction, dateTime }) => ({
      channel,
      day: dayOf(dateTime),
      minute: minuteOf(dateTime),
      price,
      bidder,
      auction,
    }))
    .keyBy(["channel", "day"])
    .aggregate("statistics", aggregates({ minute: maximum("minute"), ...bidCounts }))
    .map(({ key: [channel, day], value }) => ({
      channel,
      day: dayText(day),
      minute: minuteText(value.minute),
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
