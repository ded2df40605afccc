/** No query of Nexmark's, but the simplest window: the bids of every auction in ten seconds. */

import { counting, type DataStream, tumbling } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";

export function dsWindow(events: DataStream<NexmarkEvent>) {
  return events
    .filter(isBid)
    .keyBy("auction")
    .window(tumbling("10s"))
    .aggregate("bids", counting())
    .map(({ key, windowEnd, value }) => ({ auction: key, windowEnd, bids: value }));
}
