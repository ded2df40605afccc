/**
 * q20, expanded bids: every bid for an auction of category 10, with what the auction says.
 *
 *   SELECT auction, bidder, price, channel, url, B.dateTime, B.extra, itemName, description, initialBid, reserve, A.dateTime,
 *     expires, seller, category, A.extra FROM bid AS B INNER JOIN auction AS A ON B.auction = A.id WHERE A.category = 10
 */

import type { DataStream } from "millrace";
import { type Auction, type Bid, isAuction, isBid, type NexmarkEvent } from "../events.ts";

export function q20(events: DataStream<NexmarkEvent>) {
  const auctions = events.filter(isAuction).filter(({ category }) => category === 10);
  return events
    .filter(isBid)
    .keyBy("auction")
    .connect(auctions.keyBy("id"))
    .join("expanded", { keep: "forever", join: expanded });
}

function expanded(bid: Bid, auction: Auction) {
  return {
    auction: bid.auction,
    bidder: bid.bidder,
    price: bid.price,
    channel: bid.channel,
    url: bid.url,
    bid_dateTime: bid.dateTime,
    bid_extra: bid.extra,
    itemName: auction.itemName,
    description: auction.description,
    initialBid: auction.initialBid,
    reserve: auction.reserve,
    auction_dateTime: auction.dateTime,
    expires: auction.expires,
    seller: auction.seller,
    category: auction.category,
    auction_extra: auction.extra,
  };
}
