/** What the shop's log holds, and what the pipeline makes of it. */

import type { Counter, RecommenderInput, RuntimeContext } from "millrace";

/** One row of the log as recorded: an item bought or returned. Dirty on purpose. */
export interface RetailRow {
  readonly user_id: number | null;
  readonly item_id: number | null;
  readonly description: string | null;
  /** Negative for returns. */
  readonly quantity: number | null;
  readonly unit_price: number | null;
  readonly country: string | null;
  /** Epoch milliseconds; null where the log has none. */
  readonly timestamp: number;
  /** The row's number in the file. */
  readonly position: number;
}

/**
 * What the model gets: a purchase to be tested on and learnt, or a shopper to be served. Its position is twice the row's;
 * one more for a shopper who is served after that row.
 */
export type ShopperEvent = RecommenderInput;

/** The columns of the log: a file without one of them is refused by its name. */
export const retailColumns = ["user_id", "item_id", "description", "quantity", "unit_price", "country", "timestamp"];

/** The rows that have a time; the others are counted. */
export function withTime(): { open(context: RuntimeContext): void; filter(row: RetailRow): boolean } {
  let dropped: Counter;
  return {
    open({ metrics }) {
      dropped = metrics.counter("dropped.noTime");
    },
    filter(row) {
      if (row.timestamp !== null) return true;
      dropped.add();
      return false;
    },
  };
}
