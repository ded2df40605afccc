/** The bids for auctions that were made while these were open, with which q4 and q9 begin. */

import type { DataStream } from "millrace";
import type { Auction, Bid } from "../events.ts";

/**
 *   SELECT … FROM auction A, bid B WHERE A.id = B.auction AND B.dateTime BETWEEN A.dateTime AND A.expires
 */
export function validBids<
  A extends Pick<Auction, "id" | "dateTime" | "expires">,
  B extends Pick<Bid, "auction" | "dateTime">,
  O,
>(auctions: DataStream<A>, bids: DataStream<B>, joined: (auction: A, bid: B) => O): DataStream<O> {
  return auctions
    .keyBy(({ id }) => id)
    .connect(bids.keyBy(({ auction }) => auction))
    .join("bids of auctions", {
      keep: "forever",
      on: (auction, bid) => bid.dateTime >= auction.dateTime && bid.dateTime <= auction.expires,
      join: joined,
    });
}
