/**
 * q6, average price of a seller: of the highest valid bids for his last eleven auctions, in the order in which these closed.
 * An auction closes when event time has passed its end; of equal bids the first one wins.
 *
 *   SELECT Q.seller, AVG(Q.price) OVER (PARTITION BY Q.seller ORDER BY Q.dateTime ROWS BETWEEN 10 PRECEDING AND CURRENT ROW)
 *   FROM (the highest valid bid of each auction) Q
 *
 * Flink's SQL refuses it, as its rows change while auctions are open. Here only closed ones count.
 */

import { type DataStream, listState, valueState } from "millrace";
import { isAuction, isBid, type NexmarkEvent } from "../events.ts";

/** The row itself, and so many before it. */
const ROWS = 11;

interface Open {
  readonly seller: number;
  readonly begins: number;
  readonly expires: number;
}

interface Offer {
  readonly price: number;
  readonly dateTime: number;
}

export interface Sale {
  readonly auction: number;
  readonly seller: number;
  readonly price: number;
  readonly closed: number;
}

export function q6(events: DataStream<NexmarkEvent>) {
  return closedSales(events)
    .keyBy("seller")
    .process("averages", {
      state: { waiting: listState<Sale>(), last: listState<number>() },
      process(sale, { state: { waiting }, timers }) {
        waiting.add(sale);
        timers.register("event", sale.closed);
      },
      onTimer({ timestamp }, { key, state: { waiting, last } }) {
        const due = waiting.get().filter(({ closed }) => closed <= timestamp);
        waiting.set(waiting.get().filter(({ closed }) => closed > timestamp));
        return due.toSorted(inOrder).map(({ price }) => {
          last.set([...last.get(), price].slice(-ROWS));
          const prices = last.get();
          return { seller: key, avg_price: Math.floor(prices.reduce((sum, each) => sum + each, 0) / prices.length) };
        });
      },
    });
}

/** The auctions that had a valid bid, when they close. */
function closedSales(events: DataStream<NexmarkEvent>): DataStream<Sale> {
  const auctions = events.filter(isAuction).select("id", "seller", "dateTime", "expires");
  const bids = events.filter(isBid).select("auction", "price", "dateTime");
  return auctions
    .keyBy("id")
    .connect(bids.keyBy("auction"))
    .process("closed auctions", {
      state: { open: valueState<Open>(), early: listState<Offer>(), best: valueState<Offer>() },
      process1({ seller, dateTime, expires }, { state: { open, early, best }, timers }) {
        const auction = { seller, begins: dateTime, expires };
        open.set(auction);
        for (const offer of early.get()) if (wins(offer, auction, best.get())) best.set(offer);
        early.clear();
        timers.register("event", expires);
      },
      process2({ price, dateTime }, { state: { open, early, best } }) {
        const auction = open.get();
        const offer = { price, dateTime };
        if (auction === undefined) early.add(offer);
        else if (wins(offer, auction, best.get())) best.set(offer);
      },
      onTimer({ timestamp }, { key, state: { open, best } }) {
        const seller = open.get()?.seller;
        const price = best.get()?.price;
        if (seller === undefined || price === undefined) return [];
        return [{ auction: key, seller, price, closed: timestamp }];
      },
    });
}

function wins({ price, dateTime }: Offer, { begins, expires }: Open, best: Offer | undefined): boolean {
  if (dateTime < begins || dateTime > expires) return false;
  return best === undefined || price > best.price || (price === best.price && dateTime < best.dateTime);
}

function inOrder(one: Sale, other: Sale): number {
  return one.closed - other.closed || one.auction - other.auction;
}
