/**
 * Bloom filters (Bloom 1970): sets that take a few bits a value, and may take a value for one of theirs that is not.
 *
 * A value's hash names h bits by enhanced double hashing (Dillinger and Manolios 2004); it is in the set if all of them are
 * one. With n values in m = n log2(1/p) / ln 2 bits and h = log2(1/p), a value that was not added is taken for one with the
 * probability p; one that was added always is. Filters of one size merge by a bitwise or, which is the filter of both sets.
 */

import { reader, type ValueAggregate, type ValueOf } from "../aggregate.ts";
import { MillraceError } from "../errors.ts";
import { murmurTwoWords } from "../murmur3.ts";
import type { Distinct } from "./distinct.ts";
import { hash52 } from "./hyper-log-log.ts";

/** Plain data. */
export interface BloomFilter {
  readonly bits: Uint8Array;
  /** How many bits stand for a value. */
  readonly hashes: number;
}

export interface BloomFilterOptions {
  /** For how many different values. With more of them, the rate of false positives rises. */
  readonly capacity: number;
  /** How probably a value that was not added is taken for one that was. Default 0.001: 14.4 bits a value. */
  readonly falsePositiveRate?: number;
}

export const FALSE_POSITIVE_RATE = 0.001;
const FALSE_POSITIVE_RATE_MAX = 0.5;

/** @throws BAD_OPTION, beginning with `what`. */
export function checkedFilterOptions(
  { capacity, falsePositiveRate = FALSE_POSITIVE_RATE }: BloomFilterOptions,
  what: string,
): Required<BloomFilterOptions> {
  if (!Number.isSafeInteger(capacity) || capacity < 1)
    throw new MillraceError("BAD_OPTION", `${what} expects capacity to be a number of values, got ${capacity}`);
  if (!(falsePositiveRate > 0 && falsePositiveRate <= FALSE_POSITIVE_RATE_MAX)) {
    const expected = `falsePositiveRate to be above 0 and at most ${FALSE_POSITIVE_RATE_MAX}`;
    throw new MillraceError("BAD_OPTION", `${what} expects ${expected}, got ${falsePositiveRate}`);
  }
  return { capacity, falsePositiveRate };
}

/** An empty one. */
export function bloomFilter({ capacity, falsePositiveRate }: Required<BloomFilterOptions>): BloomFilter {
  const bitsOfValue = Math.log2(1 / falsePositiveRate);
  const bytes = Math.ceil((capacity * bitsOfValue) / Math.LN2 / 8);
  return { bits: new Uint8Array(Math.max(1, bytes)), hashes: Math.max(1, Math.round(bitsOfValue)) };
}

/** Adds a value by its `hash52`. Returns whether it is new for sure. */
export function addToFilter({ bits, hashes }: BloomFilter, hash: number): boolean {
  const size = bits.length * 8;
  let { at, step } = placesOf(hash, size);
  let isNew = false;
  for (let i = 0; i < hashes; i++) {
    const byte = at >>> 3;
    const bit = 1 << (at & 7);
    const before = bits[byte] as number; // below the size
    if ((before & bit) === 0) {
      bits[byte] = before | bit;
      isNew = true;
    }
    at = (at + step) % size;
    step = (step + i + 1) % size;
  }
  return isNew;
}

/** Whether a value of this `hash52` may have been added; false: it was not. */
export function mayBeInFilter({ bits, hashes }: BloomFilter, hash: number): boolean {
  const size = bits.length * 8;
  let { at, step } = placesOf(hash, size);
  for (let i = 0; i < hashes; i++) {
    if (((bits[at >>> 3] as number) & (1 << (at & 7))) === 0) return false;
    at = (at + step) % size;
    step = (step + i + 1) % size;
  }
  return true;
}

const HIGH_SPAN = 2 ** 20;

function placesOf(hash: number, size: number): { at: number; step: number } {
  const high = Math.floor(hash / HIGH_SPAN);
  const low = hash - high * HIGH_SPAN;
  return { at: murmurTwoWords(high, low, 53) % size, step: murmurTwoWords(high, low, 71) % size };
}

/** Adds what is in the second one to the first. REQUIRES: both are of one size. */
function mergeFilters(into: BloomFilter, from: BloomFilter): BloomFilter {
  for (let i = 0; i < into.bits.length; i++) into.bits[i] = (into.bits[i] as number) | (from.bits[i] as number);
  return into;
}

/**
 * About the set of a field's values, in a fixed size: `approximateSet("user", { capacity: 100_000 })`. Broadcast, it tells
 * another stream by `mayHold` which of its records have no partner. @throws BAD_OPTION
 */
export function approximateSet<I>(
  of: ValueOf<I, Distinct>,
  options: BloomFilterOptions,
): ValueAggregate<I, BloomFilter, BloomFilter> {
  const checked = checkedFilterOptions(options, "approximateSet");
  const { read, fields } = reader<I, Distinct>(of);
  return {
    create: () => bloomFilter(checked),
    add: (filter, value) => {
      addToFilter(filter, hash52(read(value)));
      return filter;
    },
    merge: mergeFilters,
    result: ({ bits, hashes }) => ({ bits: bits.slice(), hashes }),
    partials: "plain",
    ...fields,
  };
}

/** Whether the value may be in the set; false: it is not. */
export function mayHold(set: BloomFilter, value: Distinct): boolean {
  return mayBeInFilter(set, hash52(value));
}
