/**
 * q22, the folders in a bid's URL.
 *
 *   SELECT auction, bidder, price, channel, SPLIT_INDEX(url, '/', 3) AS dir1, … 4 … AS dir2, … 5 … AS dir3 FROM bid
 */

import type { DataStream } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";

export function q22(events: DataStream<NexmarkEvent>) {
  return events.filter(isBid).map(({ auction, bidder, price, channel, url }) => {
    const from1 = behindSlash(url, behindSlash(url, behindSlash(url, 0)));
    const from2 = behindSlash(url, from1);
    const from3 = behindSlash(url, from2);
    const [dir1, dir2] = [partOf(url, from1, from2), partOf(url, from2, from3)];
    return { auction, bidder, price, channel, dir1, dir2, dir3: partOf(url, from3, behindSlash(url, from3)) };
  });
}

/** Where the part behind the next slash begins, one behind the end if there is none. `split` makes all parts, and a list. */
function behindSlash(url: string, from: number): number {
  const slash = url.indexOf("/", from);
  return (slash < 0 ? url.length : slash) + 1;
}

/** A part that ends before `next` begins; null: the URL has none. */
function partOf(url: string, from: number, next: number): string | null {
  return from > url.length ? null : url.slice(from, next - 1);
}
