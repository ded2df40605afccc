/**
 * q21, channel ids: of every bid that has one, from a list of channels or out of its URL.
 *
 *   SELECT auction, bidder, price, channel, CASE lower(channel) WHEN 'apple' THEN '0' … ELSE
 *     REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2) END AS channel_id
 *   FROM bid WHERE REGEXP_EXTRACT(…) IS NOT NULL OR lower(channel) IN ('apple', 'google', 'facebook', 'baidu')
 */

import type { DataStream } from "millrace";
import { isBid, type NexmarkEvent } from "../events.ts";

const known: ReadonlyMap<string, string> = new Map([
  ["apple", "0"],
  ["google", "1"],
  ["facebook", "2"],
  ["baidu", "3"],
]);

export function q21(events: DataStream<NexmarkEvent>) {
  return events.filter(isBid).flatMap(({ auction, bidder, price, channel, url }) => {
    const channel_id = known.get(channel.toLowerCase()) ?? /(?:&|^)channel_id=([^&]*)/.exec(url)?.[1];
    return channel_id === undefined ? [] : [{ auction, bidder, price, channel, channel_id }];
  });
}
