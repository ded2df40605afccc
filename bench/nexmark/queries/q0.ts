/**
 * q0, pass through: every bid as it is.
 *
 *   SELECT auction, bidder, price, dateTime, extra FROM bid
 */

import type { DataStream } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";

export function q0(events: DataStream<NexmarkEvent>) {
  return events.filter(isBid).select("auction", "bidder", "price", "dateTime", "extra");
}
