/**
 * q4, average price for a category: of the highest valid bids for its auctions, as these change.
 *
 *   SELECT Q.category, AVG(Q.final) FROM (SELECT MAX(B.price) AS final, A.category FROM auction A, bid B
 *     WHERE A.id = B.auction AND B.dateTime BETWEEN A.dateTime AND A.expires GROUP BY A.id, A.category) Q
 *   GROUP BY Q.category
 */

import { addsRow, type DataStream, maximum, valueState } from "millrace";
import { isAuction, isBid, type NexmarkEvent } from "../events.ts";
import { validBids } from "./valid-bids.ts";

export function q4(events: DataStream<NexmarkEvent>) {
  const auctions = events.filter(isAuction).select("id", "category", "dateTime", "expires");
  const bids = events.filter(isBid).select("auction", "price", "dateTime");
  return validBids(auctions, bids, ({ id, category }, { price }) => ({ id, category, price }))
    .keyBy(["id", "category"])
    .aggregate("final", maximum("price"), { emit: "changes" })
    .map((change) => {
      const { key, value: final } = change.value;
      return { category: key[1], sum: addsRow(change) ? final : -final, count: addsRow(change) ? 1 : -1 };
    })
    .keyBy("category")
    .process("average", {
      state: { sum: valueState(0), count: valueState(0) },
      process({ category, sum, count }, { state }) {
        state.sum.set(state.sum.get() + sum);
        state.count.set(state.count.get() + count);
        // Between the two halves of an update a category may be without auctions.
        if (state.count.get() === 0) return [];
        return [{ id: category, final: Math.floor(state.sum.get() / state.count.get()) }];
      },
    });
}
