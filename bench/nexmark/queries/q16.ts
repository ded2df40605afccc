/**
 * q16, channel statistics: for every channel and day what q15 counts, and the latest minute. The row is emitted anew with
 * every bid.
 *
 *   SELECT channel, DATE_FORMAT(dateTime, 'yyyy-MM-dd') AS day, max(DATE_FORMAT(dateTime, 'HH:mm')) AS minute,
 *     count(*) AS total_bids, … FROM bid GROUP BY channel, day
 */

import { type DataStream, valueState } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";
import { countBid, countStates } from "./bid-statistics.ts";
import { dayOf, dayText, minuteOf } from "./time-and-rank.ts";

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
    .process("statistics", {
      state: { ...countStates, minute: valueState("") },
      process(bid, { state }) {
        if (bid.minute > state.minute.get()) state.minute.set(bid.minute);
        return [{ channel: bid.channel, day: dayText(bid.day), minute: state.minute.get(), ...countBid(bid, state) }];
      },
    });
}
