/**
 * Java's SplittableRandom: SplitMix64, drawn from in sequence.
 *
 * A draw adds the golden gamma to a 64-bit counter and scrambles the sum (`split-mix-wasm.ts`). Texts and bids, which take
 * most draws, are drawn as a whole.
 *
 * Source: Guy L. Steele, Doug Lea, Christine H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014;
 * multipliers and shifts are those of `java.util.SplittableRandom` in Java 17.
 */

import { settledPrice } from "./price.ts";
import { BIDS_AT, LETTERS_AT, LETTERS_MAX, type SplitMixExports, splitMixInstance } from "./split-mix-wasm.ts";

/** Where a sequence has come to: the counter, as two halves. Plain data for checkpoints. */
export interface RandomPosition {
  readonly high: number;
  readonly low: number;
}

export class SplitMix {
  readonly #draws: SplitMixExports = splitMixInstance();
  readonly #counter = new Uint32Array(this.#draws.memory.buffer, 0, 2);
  /** The letters drawn last, in Latin-1, where `letters` was told to put them. */
  readonly drawnLetters = Buffer.from(this.#draws.memory.buffer, LETTERS_AT, LETTERS_MAX);
  /** The bids drawn last, as `bidAt` places what they have. */
  readonly drawnBids = new Int32Array(this.#draws.memory.buffer, BIDS_AT);
  readonly drawnDoubles = new Float64Array(this.#draws.memory.buffer, BIDS_AT);

  /** @param seed a whole number that a double can hold */
  constructor(seed: number) {
    new BigUint64Array(this.#draws.memory.buffer)[0] = BigInt.asUintN(64, BigInt(seed));
  }

  get position(): RandomPosition {
    return { high: this.#counter[1] as number, low: this.#counter[0] as number };
  }

  set position({ high, low }: RandomPosition) {
    this.#counter[1] = high;
    this.#counter[0] = low;
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

  /** A price, of a double. */
  price(): number {
    return this.priceOf(this.double());
  }

  priceOf(double: number): number {
    return settledPrice(this.#draws.price(double), double);
  }

  /**
   * Draws a length of 3 … max-1 and so many letters, of 13 one the special character, into `drawnLetters` from `at` on, but not
   * the spaces at their beginning and their end. Returns the place behind them. REQUIRES: 3 < max, and room for them
   */
  letters(max: number, special: number, at: number): number {
    return this.#draws.letters(max, special, LETTERS_AT + at) - LETTERS_AT;
  }

  /** Draws bids into `drawnBids`, by so many bidders and for so many auctions. REQUIRES: at least one, and room for them */
  bids(count: number, auctions: number, bidders: number): void {
    this.#draws.bids(count, auctions, bidders);
  }
}
