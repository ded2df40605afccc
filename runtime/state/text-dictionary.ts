/**
 * The texts of one column of packed rows, each once: chunks hold their numbers in the place of the texts themselves.
 *
 *   trial ── few came again ──► given up
 *   │ some did
 *   ▼
 *   in use ── most are new ──► given up: chunks that have numbers keep them, further ones hold their texts
 *
 * What it holds is bounded: a column of more texts than it has room for is held as texts.
 */

import { flatten } from "./flatten.ts";

/** Numbers are 16 bits; and as many texts of a usual length stay in a core's caches. */
const TEXTS_MAX = 2 ** 14;
const UNITS_MAX = 2 ** 20;

/** Shorter ones are little longer than what stands for them. */
const LENGTH_MIN = 16;

/** Texts that come until it is decided whether numbers are given, and those until it is decided anew. */
const TRIAL = 4096;
const DECIDED_AFTER = 8192;
/** With fewer than one of so many being known already it is given up: of 16,384 that come at random, so many were in a trial. */
const KNOWN_OF = 8;

export class TextDictionary {
  readonly texts: string[] = [];
  /** Undefined: it is given up. */
  #numbers: Map<string, number> | undefined = new Map();
  #isInUse = false;
  #units = 0;
  #came = 0;
  #known = 0;

  /** The number of each text, if all of them have one, and it pays. `units`: how long they are together. */
  numbersOf(values: readonly string[], units: number): Uint8Array | Uint16Array | undefined {
    const numbers = this.#numbers;
    if (numbers === undefined || units < LENGTH_MIN * values.length) return undefined;
    const found = new Uint16Array(values.length);
    let known = 0;
    let areAll = true;
    for (let i = 0; i < values.length; i++) {
      const text = values[i] as string;
      const number = numbers.get(text);
      if (number !== undefined) known++;
      const given = number ?? this.#add(numbers, text);
      if (given < 0) areAll = false;
      found[i] = given;
    }
    const wasInUse = this.#isInUse;
    this.#came += values.length;
    this.#known += known;
    if (this.#came >= (wasInUse ? DECIDED_AFTER : TRIAL)) this.#decide();
    if (!areAll || !wasInUse) return undefined;
    return this.texts.length <= 256 ? Uint8Array.from(found) : found;
  }

  /** -1: it has no room. */
  #add(numbers: Map<string, number>, text: string): number {
    if (this.texts.length === TEXTS_MAX || this.#units + text.length > UNITS_MAX) return -1;
    const kept = flatten(text);
    const number = this.texts.push(kept) - 1;
    numbers.set(kept, number);
    this.#units += text.length;
    return number;
  }

  #decide(): void {
    if (KNOWN_OF * this.#known < this.#came) {
      this.#numbers = undefined;
      if (!this.#isInUse) this.texts.length = 0;
    }
    this.#isInUse = true;
    this.#came = 0;
    this.#known = 0;
  }
}

/** The dictionaries of records' columns, by the fields that lead to them. */
export class TextDictionaries {
  readonly own = new TextDictionary();
  readonly #fields = new Map<string, TextDictionaries>();

  of(field: string): TextDictionaries {
    let of = this.#fields.get(field);
    if (of === undefined) {
      of = new TextDictionaries();
      this.#fields.set(field, of);
    }
    return of;
  }
}
