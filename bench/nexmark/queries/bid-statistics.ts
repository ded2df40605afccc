/** What q15 and q16 count: bids, and different bidders and auctions, of all prices and by rank of the price. */

import { counting, countingDistinct, filtered } from "millrace";
import { isRank1, isRank2, isRank3 } from "./time-and-rank.ts";

export interface CountedBid {
  readonly price: number;
  readonly bidder: number;
  readonly auction: number;
}

const bids = counting<CountedBid>();
const bidders = countingDistinct<CountedBid>("bidder");
const auctions = countingDistinct<CountedBid>("auction");

/** The parts of an aggregate. */
export const bidCounts = {
  total_bids: bids,
  rank1_bids: filtered(isRank1, bids),
  rank2_bids: filtered(isRank2, bids),
  rank3_bids: filtered(isRank3, bids),
  total_bidders: bidders,
  rank1_bidders: filtered(isRank1, bidders),
  rank2_bidders: filtered(isRank2, bidders),
  rank3_bidders: filtered(isRank3, bidders),
  total_auctions: auctions,
  rank1_auctions: filtered(isRank1, auctions),
  rank2_auctions: filtered(isRank2, auctions),
  rank3_auctions: filtered(isRank3, auctions),
};
