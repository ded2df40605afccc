/**
 * Auction bids as JSON of 200 bytes, each a function of its index, ten a millisecond of event time; and what the jobs have to
 * make of them. Checksums do not depend on the order of records, nor on how a peer writes numbers in JSON.
 *
 *   J1  decode, keep what costs more than the limit (half of them), price × 0.908, encode, produce with the auction as key
 *   J2  count per auction in tumbling windows of 10 s of event time; each window once, when it is complete
 */

import { type Bid, mix } from "../jobs/bids.ts";

export type { Bid } from "../jobs/bids.ts";

export interface WindowCount {
  readonly auction: number;
  readonly start: number;
  readonly count: number;
}

/** How many records, and the sum of their checksums. */
export interface Expected {
  readonly count: number;
  readonly sum: number;
}

export const LIMIT = 100_000;
export const FACTOR = 0.908;
export const WINDOW_MS = 10_000;
export const VALUE_BYTES = 200;

const AUCTIONS = 10_000;
const BIDS_A_MS = 10;
const FIRST_INSTANT = 1_700_000_000_000; // a multiple of 10 s
const HOUR_MS = 3_600_000;
const channels = ["Google", "Facebook", "Baidu", "Apple"] as const;
const letters = "abcdefghijklmnopqrstuvwxyz".repeat(8);

/** Log-uniform from 100 to 100,000,000, as Nexmark's, so that half of them exceed the limit. */
function priceOf(draw: number): number {
  return Math.floor(10 ** ((draw / 2 ** 32) * 6) * 100);
}

export function bidAt(index: number): Bid {
  const draw = mix(2 * index + 1);
  return bid(1 + (draw % AUCTIONS), priceOf(mix(2 * index + 2)), FIRST_INSTANT + Math.floor(index / BIDS_A_MS), "");
}

function bid(auction: number, price: number, dateTime: number, extra: string): Bid {
  const bidder = 1 + (mix(auction ^ price) % 100_000);
  const channel = channels[bidder & 3] as string; // one of four
  const url = `https://www.nexmark.com/${(bidder * 7919).toString(36)}/item.htm?query=1&channel_id=${(bidder & 3) * 331}`;
  return { auction, bidder, price, channel, url, dateTime, extra };
}

/** In JSON, of 200 bytes. */
export function textOf(value: Bid): string {
  const text = JSON.stringify(value);
  return `${text.slice(0, -2)}${letters.slice(0, VALUE_BYTES - text.length)}"}`;
}

/** A bid that is sent now; `extra` begins with the time in microseconds. */
export function bidNow(draw: number, micros: number): Bid {
  return bid(1 + (mix(draw) % AUCTIONS), priceOf(mix(draw + 1)), Math.floor(micros / 1000), String(micros));
}

/** Comes an hour after all others, one in each partition: the windows before it are complete then. */
export const sentinel: Bid = bid(0, 0, FIRST_INSTANT + HOUR_MS, "sentinel");

/** Bids of an auction go to one partition. */
export function partitionOf({ auction }: Bid, partitions: number): number {
  return auction % partitions;
}

export function sumOfBid({ auction, bidder, price }: Bid): number {
  return mix(mix(auction * 31 + bidder) ^ Math.round(price * 1000));
}

export function sumOfWindow({ auction, start, count }: WindowCount): number {
  return mix(mix(auction * 31 + count) ^ (start / WINDOW_MS));
}

export function expectedOfJ1(messages: number): Expected {
  let [count, sum] = [0, 0];
  for (let index = 0; index < messages; index++) {
    const value = bidAt(index);
    if (value.price <= LIMIT) continue;
    count++;
    sum += sumOfBid({ ...value, price: value.price * FACTOR });
  }
  return { count, sum };
}

export function expectedOfJ2(messages: number): Expected {
  const windows = new Map<string, WindowCount>();
  for (let index = 0; index < messages; index++) {
    const { auction, dateTime } = bidAt(index);
    const start = dateTime - (dateTime % WINDOW_MS);
    const key = `${auction} ${start}`;
    windows.set(key, { auction, start, count: (windows.get(key)?.count ?? 0) + 1 });
  }
  let sum = 0;
  for (const window of windows.values()) sum += sumOfWindow(window);
  return { count: windows.size, sum };
}
