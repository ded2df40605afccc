/**
 * q9, winning bids: of every auction the highest valid bid, of equal ones the earliest, as it changes.
 *
 *   SELECT id, itemName, …, auction, bidder, price, bid_dateTime, bid_extra FROM (SELECT A.*, B.auction, B.bidder, B.price,
 *     B.dateTime AS bid_dateTime, B.extra AS bid_extra, ROW_NUMBER() OVER (PARTITION BY A.id ORDER BY B.price DESC,
 *     B.dateTime ASC) AS rownum FROM auction A, bid B WHERE A.id = B.auction AND B.dateTime BETWEEN A.dateTime AND
 *     A.expires) WHERE rownum <= 1
 */

import { type DataStream, valueState } from "millrace";
import { type Auction, type Bid, isAuction, isBid, type NexmarkEvent } from "../events.ts";
import { validBids } from "./valid-bids.ts";

type WinningBid = ReturnType<typeof winningBid>;

export function q9(events: DataStream<NexmarkEvent>) {
  const bids = events.filter(isBid).select("auction", "bidder", "price", "dateTime", "extra");
  return validBids(events.filter(isAuction), bids, winningBid)
    .keyBy("id")
    .process("winning", {
      // All that is compared: the row has been sent on.
      state: { best: valueState<Pick<WinningBid, "price" | "bid_dateTime">>() },
      process(bid, { state: { best } }) {
        const before = best.get();
        const wins =
          before === undefined ||
          bid.price > before.price ||
          (bid.price === before.price && bid.bid_dateTime < before.bid_dateTime);
        if (!wins) return [];
        best.set({ price: bid.price, bid_dateTime: bid.bid_dateTime });
        return [bid];
      },
    });
}

function winningBid(auction: Auction, bid: Pick<Bid, "auction" | "bidder" | "price" | "dateTime" | "extra">) {
  return {
    id: auction.id,
    itemName: auction.itemName,
    description: auction.description,
    initialBid: auction.initialBid,
    reserve: auction.reserve,
    dateTime: auction.dateTime,
    expires: auction.expires,
    seller: auction.seller,
    category: auction.category,
    extra: auction.extra,
    auction: bid.auction,
    bidder: bid.bidder,
    price: bid.price,
    bid_dateTime: bid.dateTime,
    bid_extra: bid.extra,
  };
}
