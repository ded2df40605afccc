/**
 * q13, bounded side input: every bid with what a table of 10,000 rows says of its auction.
 *
 *   SELECT auction, bidder, price, dateTime, value FROM bid JOIN side_input ON MOD(auction, 10000) = key
 */

import type { DataStream } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";

const ROWS = 10_000;

export function q13(events: DataStream<NexmarkEvent>) {
  const values = new Map<number, string>();
  return events.filter(isBid).flatMap({
    open: () => {
      for (let key = 0; key < ROWS; key++) values.set(key, String(key));
    },
    flatMap: ({ auction, bidder, price, dateTime }) => {
      const value = values.get(auction % ROWS);
      return value === undefined ? [] : [{ auction, bidder, price, dateTime, value }];
    },
  });
}
