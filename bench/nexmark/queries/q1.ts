/**
 * q1, currency conversion: every bid with its price in euros.
 *
 *   SELECT auction, bidder, 0.908 * price AS price, dateTime, extra FROM bid
 */

import type { DataStream } from "millrace";
import { type Bid, isBid, type NexmarkEvent } from "../events.ts";

export function q1(events: DataStream<NexmarkEvent>) {
  return events.filter(isBid).map(({ auction, bidder, price, dateTime, extra }) => ({
    auction,
    bidder,
    price: euros(price),
    dateTime,
    extra,
  }));
}

/** 0.908 times the price, to the last digit: a quotient of whole numbers is rounded once. */
export function euros(price: Bid["price"]): number {
  return (908 * price) / 1000;
}
