/** No query of Nexmark's, but the least that a stream processor does: every bid in euros, and those of more than nothing. */

import type { DataStream } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";

export function dsMap(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .map(({ type, auction, bidder, price, channel, url, dateTime, extra }) => ({
      type,
      auction,
      bidder,
      price: Math.round(price * 0.908),
      channel,
      url,
      dateTime,
      extra,
    }))
    .filter(({ price }) => price > 0);
}
