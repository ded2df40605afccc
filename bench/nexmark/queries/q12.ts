/**
 * q12, processing-time windows: the bids of every bidder in ten seconds of the wall clock.
 *
 *   SELECT bidder, count(*) AS bid_count, window_start AS starttime, window_end AS endtime
 *   FROM (bid in windows of 10 s by PROCTIME()) GROUP BY bidder, window_start, window_end
 */

import { counting, type DataStream, tumbling } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";

export function q12(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .keyBy("bidder")
    .window(tumbling("10s", { time: "processing" }))
    .aggregate("bids", counting())
    .map(({ key, value, windowStart, windowEnd }) => ({
      bidder: key,
      bid_count: value,
      starttime: windowStart,
      endtime: windowEnd,
    }));
}
