/** What the shop's log holds, and what the pipeline makes of it. */

import type { Counter, RuntimeContext } from "millrace";

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

/** What the model gets: a purchase to be tested on and learnt, or a shopper to be served. */
export interface ShopperEvent {
  /** Twice the row's position; one more for a shopper served after that row. */
  readonly position: number;
  readonly user: number;
  /** -1 when there is nothing to learn, only a list to be made. */
  readonly item: number;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly description: string;
  /** The shopper's distinct items, newest first, as they were before this purchase. */
  readonly items: readonly number[];
  /** How many of `items` belong to the current visit. */
  readonly inBasket: number;
  /** Whether the shopper has had the item before. */
  readonly repeat: boolean;
  /** Whether a list is wanted: the purchase counts in the evaluation, or the shopper is served. */
  readonly wantsList: boolean;
}

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
