/**
 * q22, the folders in a bid's URL.
 *
 *   SELECT auction, bidder, price, channel, SPLIT_INDEX(url, '/', 3) AS dir1, … 4 … AS dir2, … 5 … AS dir3 FROM bid
 */

import type { DataStream } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";

export function q22(events: DataStream<NexmarkEvent>) {
  return events.filter(isBid).map(({ auction, bidder, price, channel, url }) => {
    const [, , , dir1, dir2, dir3] = url.split("/", 6);
    return { auction, bidder, price, channel, dir1, dir2, dir3 };
  });
}
