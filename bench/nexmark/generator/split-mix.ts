/**
 * Java's SplittableRandom: SplitMix64, drawn from in sequence.
 *
 * A draw adds the golden gamma to a 64-bit counter and scrambles the sum (`split-mix-wasm.ts`). Texts and bids, which take
 * most draws, are drawn as a whole.
 *
 * Source: Guy L. Steele, Doug Lea, Christine H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014;
 * multipliers and shifts are those of `java.util.SplittableRandom` in Java 17.
 */

import { AUCTION_BYTES, AUCTIONS_AT, BIDS_AT, LETTERS_AT, LETTERS_MAX, PERSON_AT } from "./memory.ts";
import { DOUBLE_BITS, settledPrice } from "./price.ts";
import { type SplitMixExports, splitMixInstance } from "./split-mix-wasm.ts";

/** Where a sequence has come to: the counter, as two halves. Plain data for checkpoints. */
export interface RandomPosition {
  readonly high: number;
  readonly low: number;
}

/** Where the sequence of a seed begins. */
export function startOf(seed: bigint): RandomPosition {
  const counter = BigInt.asUintN(64, seed);
  return { high: Number(counter >> 32n), low: Number(BigInt.asUintN(32, counter)) };
}

export class SplitMix {
  readonly #draws: SplitMixExports = splitMixInstance();
  readonly #counter = new Uint32Array(this.#draws.memory.buffer, 0, 2);
  /** The letters drawn last, in Latin-1, where `letters` was told to put them. */
  readonly drawnLetters = Buffer.from(this.#draws.memory.buffer, LETTERS_AT, LETTERS_MAX);
  /** The person, the auctions and the bids drawn last, as `memory.ts` places what they have. */
  readonly drawnPerson = new Int32Array(this.#draws.memory.buffer, PERSON_AT);
  readonly drawnAuctions = new Int32Array(this.#draws.memory.buffer, AUCTIONS_AT);
  readonly drawnBids = new Int32Array(this.#draws.memory.buffer, BIDS_AT);

  constructor({ high, low }: RandomPosition) {
    this.#counter[0] = low;
    this.#counter[1] = high;
  }

  get position(): RandomPosition {
    return { high: this.#counter[1] as number, low: this.#counter[0] as number };
  }

  /** 32 bits, signed: Java's `nextInt()`. */
  int(): number {
    return this.#draws.int();
  }

  /** 0 … bound-1: Java's `nextInt(bound)`. REQUIRES: 1 ≤ bound < 2³¹ */
  below(bound: number): number {
    return this.#draws.below(bound);
  }

  /** A double in [0, 1) from 53 bits: Java's `nextDouble()`. */
  double(): number {
    return this.#draws.double();
  }

  /** The price of a double of 53 bits. */
  priceOf(double: number): number {
    const bits = Math.floor(double * 2 ** DOUBLE_BITS);
    const words = new Int32Array(BigInt64Array.of(BigInt(bits)).buffer);
    return settledPrice(this.#draws.price(bits), words, 0);
  }

  /**
   * Draws a length of 3 … max-1 and so many letters, of 13 one the special character, into `drawnLetters` from `at` on, but not
   * the spaces at their beginning and their end. Returns the place behind them. REQUIRES: 3 < max, and room for them
   */
  letters(max: number, special: number, at: number): number {
    return this.#draws.letters(max, special, LETTERS_AT + at) - LETTERS_AT;
  }

  /** Draws a person with its letters, the first ones. Returns how many these are. */
  person(): number {
    return this.#draws.person();
  }

  /**
   * Draws an auction, one of those of an epoch, with its letters behind so many: by one of so many sellers, open for one of so
   * many milliseconds. Returns how many letters there are then.
   */
  auction(index: number, letters: number, sellers: number, open: number): number {
    return this.#draws.auction(AUCTIONS_AT + index * AUCTION_BYTES, letters, sellers, open);
  }

  /** Draws bids into `drawnBids`, by so many bidders and for so many auctions. REQUIRES: at least one, and room for them */
  bids(count: number, auctions: number, bidders: number): void {
    this.#draws.bids(count, auctions, bidders);
  }
}
