/**
 * Java's SplittableRandom: SplitMix64, drawn from in sequence.
 *
 * A draw adds the golden gamma to a 64-bit counter and scrambles the sum. A draw's place in the sequence determines it, so
 * they are made in blocks (`split-mix-wasm.ts`) of which one after the other is taken.
 *
 * Source: Guy L. Steele, Doug Lea, Christine H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014;
 * multipliers and shifts are those of `java.util.SplittableRandom` in Java 17.
 */

import { DRAWS_AT, GAMMA, type SplitMixExports, splitMixInstance } from "./split-mix-wasm.ts";

/** Draws that are made together: few enough for the nearest cache. */
const BLOCK = 1024;

/** Where a sequence has come to: the counter, as two halves. Plain data for checkpoints. */
export interface RandomPosition {
  readonly high: number;
  readonly low: number;
}

export class SplitMix {
  readonly #block: SplitMixExports = splitMixInstance();
  readonly #counter = new BigUint64Array(this.#block.memory.buffer, 0, 1);
  readonly #draws = new Int32Array(this.#block.memory.buffer, DRAWS_AT, BLOCK);
  /** How many draws of the block were taken. */
  #taken = BLOCK;

  /** @param seed a whole number that a double can hold */
  constructor(seed: number) {
    this.#counter[0] = BigInt.asUintN(64, BigInt(seed));
  }

  get position(): RandomPosition {
    const counter = (this.#counter[0] as bigint) - BigInt(BLOCK - this.#taken) * GAMMA;
    return { high: Number((counter >> 32n) & 0xffffffffn), low: Number(counter & 0xffffffffn) };
  }

  set position({ high, low }: RandomPosition) {
    this.#counter[0] = (BigInt(high) << 32n) | BigInt(low);
    this.#taken = BLOCK;
  }

  /** 32 bits, signed: Java's `nextInt()`. */
  int(): number {
    if (this.#taken === BLOCK) this.#next();
    return this.#draws[this.#taken++] as number;
  }

  /** 0 … bound-1: Java's `nextInt(bound)`. REQUIRES: 1 ≤ bound < 2³¹ */
  below(bound: number): number {
    const drawn = this.int();
    if ((bound & (bound - 1)) === 0) return drawn & (bound - 1);
    let bits = drawn >>> 1;
    let rest = bits % bound;
    // Where the last, incomplete round of remainders begins, another draw decides.
    while (bits + (bound - 1) - rest > 0x7fffffff) {
      bits = this.int() >>> 1;
      rest = bits % bound;
    }
    return rest;
  }

  /** A double in [0, 1) from 53 bits: Java's `nextDouble()`. */
  double(): number {
    if (this.#taken === BLOCK) this.#next();
    return this.#block.doubleBefore(BLOCK - ++this.#taken);
  }

  #next(): void {
    this.#block.draw(4 * BLOCK);
    this.#taken = 0;
  }
}
