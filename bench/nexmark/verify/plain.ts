/** q6, of which Flink's SQL has no table, computed plainly: all events at hand, and no stream in sight. */

import type { Auction, Bid, NexmarkEvent } from "../events.ts";
import { isAuction, isBid } from "../events.ts";

/** The row of q6 and so many before it. */
const ROWS = 11;

interface Sale {
  readonly id: number;
  readonly seller: number;
  readonly price: number;
  readonly expires: number;
}

/** q6: of each seller the averages of his last sales, sale by sale. */
export function plainQ6(events: readonly NexmarkEvent[]): object[] {
  const bids = Map.groupBy(events.filter(isBid), ({ auction }) => auction);
  const sales = events
    .filter(isAuction)
    .flatMap((auction) => saleOf(auction, bids.get(auction.id) ?? []))
    .sort((a, b) => a.expires - b.expires || a.id - b.id);
  return [...Map.groupBy(sales, ({ seller }) => seller)].flatMap(([seller, own]) =>
    own.map((_, i) => {
      const prices = own.slice(Math.max(0, i + 1 - ROWS), i + 1).map(({ price }) => price);
      return { seller, avg_price: Math.floor(prices.reduce((sum, price) => sum + price, 0) / prices.length) };
    }),
  );
}

function saleOf({ id, seller, dateTime, expires }: Auction, bids: readonly Bid[]): Sale[] {
  const valid = bids.filter((bid) => bid.dateTime >= dateTime && bid.dateTime <= expires);
  return valid.length === 0 ? [] : [{ id, seller, expires, price: Math.max(...valid.map(({ price }) => price)) }];
}
