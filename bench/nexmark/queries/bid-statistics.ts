/** What q15 and q16 count: bids, and different bidders and auctions, of all prices and by rank of the price. */

import { type MapState, mapState, type ValueState, valueState } from "millrace";
import { rankOf } from "./time-and-rank.ts";

export interface BidCounts {
  readonly total_bids: number;
  readonly rank1_bids: number;
  readonly rank2_bids: number;
  readonly rank3_bids: number;
  readonly total_bidders: number;
  readonly rank1_bidders: number;
  readonly rank2_bidders: number;
  readonly rank3_bidders: number;
  readonly total_auctions: number;
  readonly rank1_auctions: number;
  readonly rank2_auctions: number;
  readonly rank3_auctions: number;
}

export interface CountedBid {
  readonly price: number;
  readonly bidder: number;
  readonly auction: number;
}

/** Of each bidder and auction the ranks in which it was seen, as bits. */
export const countStates = {
  counts: valueState<BidCounts>({
    total_bids: 0,
    rank1_bids: 0,
    rank2_bids: 0,
    rank3_bids: 0,
    total_bidders: 0,
    rank1_bidders: 0,
    rank2_bidders: 0,
    rank3_bidders: 0,
    total_auctions: 0,
    rank1_auctions: 0,
    rank2_auctions: 0,
    rank3_auctions: 0,
  }),
  bidders: mapState<number, number>(),
  auctions: mapState<number, number>(),
};

interface CountHandles {
  readonly counts: ValueState<BidCounts, never>;
  readonly bidders: MapState<number, number>;
  readonly auctions: MapState<number, number>;
}

/** Counts the bid and returns the counts. */
export function countBid(
  { price, bidder, auction }: CountedBid,
  { counts, bidders, auctions }: CountHandles,
): BidCounts {
  const rank = rankOf(price);
  const bit = 1 << rank;
  const bidderRanks = bidders.get(bidder) ?? 0;
  const auctionRanks = auctions.get(auction) ?? 0;
  if ((bidderRanks & bit) === 0) bidders.put(bidder, bidderRanks | bit);
  if ((auctionRanks & bit) === 0) auctions.put(auction, auctionRanks | bit);
  const first = (ranks: number, of: 1 | 2 | 3): number => (rank === of && (ranks & bit) === 0 ? 1 : 0);
  const before = counts.get();
  const after: BidCounts = {
    total_bids: before.total_bids + 1,
    rank1_bids: before.rank1_bids + (rank === 1 ? 1 : 0),
    rank2_bids: before.rank2_bids + (rank === 2 ? 1 : 0),
    rank3_bids: before.rank3_bids + (rank === 3 ? 1 : 0),
    total_bidders: before.total_bidders + (bidderRanks === 0 ? 1 : 0),
    rank1_bidders: before.rank1_bidders + first(bidderRanks, 1),
    rank2_bidders: before.rank2_bidders + first(bidderRanks, 2),
    rank3_bidders: before.rank3_bidders + first(bidderRanks, 3),
    total_auctions: before.total_auctions + (auctionRanks === 0 ? 1 : 0),
    rank1_auctions: before.rank1_auctions + first(auctionRanks, 1),
    rank2_auctions: before.rank2_auctions + first(auctionRanks, 2),
    rank3_auctions: before.rank3_auctions + first(auctionRanks, 3),
  };
  counts.set(after);
  return after;
}
