/**
 * q11, user sessions: for every bidder the bids of a session, which ends when ten seconds have passed without one.
 *
 *   SELECT bidder, count(*) AS bid_count, SESSION_START(…) AS starttime, SESSION_END(…) AS endtime
 *   FROM bid GROUP BY bidder, SESSION(dateTime, INTERVAL '10' SECOND)
 */

import { counting, type DataStream, session } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";

export function q11(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .keyBy("bidder")
    .window(session("10s"))
    .aggregate("bids", counting())
    .map(({ key, value, windowStart, windowEnd }) => ({
      bidder: key,
      bid_count: value,
      starttime: windowStart,
      endtime: windowEnd,
    }));
}
