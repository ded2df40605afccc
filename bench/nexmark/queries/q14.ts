/**
 * q14, calculation: bids of some price range in euros, with the time of the day and how often "c" occurs in `extra`.
 *
 *   SELECT auction, bidder, 0.908 * price AS price, CASE … HOUR(dateTime) … END AS bidTimeType, dateTime, extra,
 *     count_char(extra, 'c') AS c_counts
 *   FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000
 */

import type { DataStream } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";
import { euros } from "./q1.ts";

export function q14(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .filter(({ price }) => euros(price) > 1_000_000 && euros(price) < 50_000_000)
    .map(({ auction, bidder, price, dateTime, extra }) => ({
      auction,
      bidder,
      price: euros(price),
      bidTimeType: timeOfDay(dateTime),
      dateTime,
      extra,
      c_counts: countOf("c", extra),
    }));
}

function timeOfDay(dateTime: number): "dayTime" | "nightTime" | "otherTime" {
  const hour = Math.floor(dateTime / 3_600_000) % 24;
  if (hour >= 8 && hour <= 18) return "dayTime";
  return hour <= 6 || hour >= 20 ? "nightTime" : "otherTime";
}

function countOf(letter: string, text: string): number {
  let count = 0;
  for (let at = text.indexOf(letter); at >= 0; at = text.indexOf(letter, at + 1)) count++;
  return count;
}
