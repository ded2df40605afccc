/**
 * Cleaning and features, keyed by shopper: rows of one shopper and one instant become a visit's events.
 *
 * Rows wait until the watermark has passed their timestamp, so that it does not matter in which order parallel readers
 * brought them. Then, in file order: exact duplicates are dropped (the first is kept), then rows without user or item,
 * then returns; each drop is counted by its reason. What remains becomes events that carry the shopper's latest items.
 */

import {
  type Counter,
  listState,
  mapState,
  type ProcessContext,
  type ProcessFunction,
  type RuntimeContext,
  valueState,
} from "millrace";
import type { RetailRow, ShopperEvent } from "./rows.ts";

/** The model keeps open baskets itself; when it opens one again it reads so many items of a visit at the most … */
const visitItemsMax = 24;
/** … and so many in all where the visit has fewer. */
const latestItems = 8;
const visitGapMs = 1_800_000;

interface Recent {
  readonly time: number;
  /** Distinct items, newest first: those of the visit, and older ones up to `latestItems`. */
  readonly items: readonly number[];
  readonly inBasket: number;
}

const state = {
  waiting: listState<RetailRow>(),
  recent: valueState<Recent>(),
  owned: mapState<number, true>(),
};

export type Visits = ProcessFunction<RetailRow, number, typeof state, ShopperEvent>;

type VisitContext = ProcessContext<number, typeof state>;

/** Rows without a user are keyed by their item, so that they do not all meet in one place. */
export function visitKey(row: RetailRow): number {
  return row.user_id ?? -1 - (row.item_id ?? 0);
}

/** `shuffleSeed`: a permutation of the rows within a visit, or null for the order as recorded. */
export function visits(shuffleSeed: number | null): Visits {
  let dropped: Record<"duplicate" | "nullUser" | "nullItem" | "badItem" | "returned", Counter>;
  let kept: Counter;

  return {
    state,

    open({ metrics }: RuntimeContext) {
      kept = metrics.counter("purchases");
      dropped = {
        duplicate: metrics.counter("dropped.duplicate"),
        nullUser: metrics.counter("dropped.nullUser"),
        nullItem: metrics.counter("dropped.nullItem"),
        badItem: metrics.counter("dropped.badItem"),
        returned: metrics.counter("dropped.returned"),
      };
    },

    process(row, context) {
      context.state.waiting.add(row);
      context.timers.register("event", row.timestamp);
    },

    onTimer(timer, context) {
      const rows = clean(takeDue(timer.timestamp, context));
      if (rows.length === 0) return [];
      kept.add(rows.length);
      return toEvents(shuffleSeed === null ? rows : shuffled(rows, shuffleSeed), context);
    },
  };

  function clean(rows: readonly RetailRow[]): Purchase[] {
    const seen = new Set<string>();
    const purchases: Purchase[] = [];
    for (const row of rows) {
      const signature = signatureOf(row);
      if (seen.has(signature)) dropped.duplicate.add();
      else if (row.user_id === null) dropped.nullUser.add();
      else if (row.item_id === null) dropped.nullItem.add();
      else if (row.item_id < 0) dropped.badItem.add();
      else if ((row.quantity ?? 0) <= 0) dropped.returned.add();
      else
        purchases.push({
          position: row.position,
          user: row.user_id,
          item: row.item_id,
          time: row.timestamp,
          description: row.description ?? "",
        });
      seen.add(signature);
    }
    return purchases;
  }
}

/** Equal exactly for rows of one shopper and instant that are equal in all columns. */
function signatureOf({ user_id, item_id, quantity, unit_price, country, description }: RetailRow): string {
  return `${user_id}|${item_id}|${quantity}|${unit_price}|${country === null ? "" : country.length}|${country}${description === null ? "" : `|${description}`}`;
}

interface Purchase {
  readonly position: number;
  readonly user: number;
  readonly item: number;
  readonly time: number;
  readonly description: string;
}

/** Removes the rows of one instant from those that wait, in file order. */
function takeDue(time: number, { state: { waiting } }: VisitContext): RetailRow[] {
  const all = waiting.get();
  const due = all.filter((row) => row.timestamp === time);
  if (due.length === all.length) waiting.clear();
  else waiting.set(all.filter((row) => row.timestamp !== time));
  return due.sort((a, b) => a.position - b.position);
}

function* toEvents(rows: readonly Purchase[], { state: { recent, owned } }: VisitContext): Generator<ShopperEvent> {
  let before: Recent = recent.get() ?? { time: Number.NEGATIVE_INFINITY, items: [], inBasket: 0 };
  for (const row of rows) {
    const inBasket = row.time - before.time > visitGapMs ? 0 : before.inBasket;
    const repeat = owned.has(row.item);
    yield {
      ...row,
      position: 2 * row.position,
      items: before.items,
      inBasket,
      repeat,
      wantsList: before.items.length > 0 && !repeat,
    };
    owned.put(row.item, true);
    before = { time: row.time, ...withNewest(before.items, inBasket, row.item) };
  }
  recent.set(before);
  const last = rows.at(-1) as Purchase;
  yield {
    ...last,
    position: 2 * last.position + 1,
    item: -1,
    description: "",
    items: before.items,
    inBasket: before.inBasket,
    repeat: false,
    wantsList: true,
  };
}

/** The items with one more in front; an item that is there already moves. */
function withNewest(
  items: readonly number[],
  inBasket: number,
  item: number,
): { items: readonly number[]; inBasket: number } {
  const at = items.indexOf(item);
  const length = at >= 0 && at < inBasket ? inBasket : Math.min(inBasket + 1, visitItemsMax);
  const rest = at < 0 ? items : items.filter((other) => other !== item);
  return { items: [item, ...rest.slice(0, Math.max(length, latestItems) - 1)], inBasket: length };
}

/** The rows in another order on the same positions: a permutation drawn from the seed and the positions alone. */
function shuffled(rows: readonly Purchase[], seed: number): Purchase[] {
  const order = rows.map((row) => ({ row, draw: mix(Math.imul(row.position + 1, 0x9e3779b1) ^ mix(seed)) }));
  order.sort((a, b) => a.draw - b.draw || a.row.position - b.row.position);
  const positions = rows.map((row) => row.position).sort((a, b) => a - b);
  return order.map(({ row }, i) => ({ ...row, position: positions[i] as number }));
}

function mix(value: number): number {
  let h = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
