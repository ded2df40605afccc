/** No query of Nexmark's, but the simplest state: with every bid how many its bidder has made. */

import { counting, type DataStream } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";

export function dsCount(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .keyBy("bidder")
    .aggregate("bids", counting())
    .map(({ key, value }) => ({ bidder: key, bids: value }));
}
