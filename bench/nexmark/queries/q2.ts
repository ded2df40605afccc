/**
 * q2, selection: the bids for every 123rd auction.
 *
 *   SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0
 */

import type { DataStream } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";

export function q2(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .filter((bid) => bid.auction % 123 === 0)
    .select("auction", "price");
}
