/**
 * q4, average price for a category: of the highest valid bids for its auctions, as these change.
 *
 *   SELECT Q.category, AVG(Q.final) FROM (SELECT MAX(B.price) AS final, A.category FROM auction A, bid B
 *     WHERE A.id = B.auction AND B.dateTime BETWEEN A.dateTime AND A.expires GROUP BY A.id, A.category) Q
 *   GROUP BY Q.category
 */

import { addsRow, averaging, type DataStream, maximum } from "millrace";
import { isAuction, isBid, type NexmarkEvent } from "../events.ts";
import { validBids } from "./valid-bids.ts";

export function q4(events: DataStream<NexmarkEvent>) {
  const auctions = events.filter(isAuction).select("id", "category", "dateTime", "expires");
  const bids = events.filter(isBid).select("auction", "price", "dateTime");
  return validBids(auctions, bids, ({ id, category }, { price }) => ({ id, category, price }))
    .keyBy(["id", "category"])
    .aggregate("final", maximum("price"), { emit: "changes" })
    .map(({ kind, value: { key, value } }) => ({ kind, value: { category: key[1], final: value } }))
    .keyBy(({ value }) => value.category)
    .aggregateChanges("average", averaging("final"), { emit: "upserts" })
    .filter(addsRow)
    .map(({ value: { key, value } }) => ({ id: key, final: Math.floor(value) }));
}
