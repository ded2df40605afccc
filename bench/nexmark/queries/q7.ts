/**
 * q7, highest bid: of every ten seconds the bids with the highest price; several may have it. A bid at the very end of the
 * ten seconds, which belongs to the next ones, is among them if its price is the same.
 *
 *   SELECT B.auction, B.price, B.bidder, B.dateTime, B.extra FROM bid B JOIN (SELECT MAX(price) AS maxprice, window_end AS
 *     dateTime FROM (bid in windows of 10 s) GROUP BY window_start, window_end) B1 ON B.price = B1.maxprice
 *   WHERE B.dateTime BETWEEN B1.dateTime - INTERVAL '10' SECOND AND B1.dateTime
 */

import { type DataStream, maximum, tumbling } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";

export function q7(events: DataStream<NexmarkEvent>) {
  const bids = events.filter(isBid).select("auction", "price", "bidder", "dateTime", "extra");
  const highest = bids.windowAll(tumbling("10s")).aggregate("highest", maximum("price"));
  return (
    bids
      .keyBy("price")
      .connect(highest.keyBy("value"))
      // A window's result is of its last millisecond.
      .intervalJoin("bids at the highest price", { lower: "-1ms", upper: "9999ms", join: (bid) => bid })
  );
}
