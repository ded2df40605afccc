/**
 * Keys of several parts as blocks have them: `encodeKey`'s text, put letter by letter from columns of numbers and of short texts.
 * A text for each key would be garbage, and so would one of each number, which V8 makes among its old objects.
 */

import type { ByteSink } from "./byte-sink.ts";
import { OwnColumn, writeLatin1 } from "./column-codec.ts";
import type { PickedColumn } from "./picked-column.ts";

/** Of a part's text: letters and digits before it, and those of the longest number. */
const PART_LETTERS = 32;

const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;
const NUMBER = 0x6e;
const STRING = 0x73;
const TUPLE = 0x74;

/** What is being put, used again and again. */
let letters = Buffer.allocUnsafeSlow(4096);

export class EncodedTuples extends OwnColumn {
  readonly length: number;
  readonly #parts: readonly PickedColumn[];
  readonly #places: Int32Array;

  /** REQUIRES: each part `isPlain`. */
  constructor(parts: readonly PickedColumn[], places: Int32Array) {
    super();
    this.length = places.length;
    this.#parts = parts;
    this.#places = places;
  }

  override write(out: ByteSink): void {
    const lengths = new Uint32Array(this.length);
    let end = 0;
    for (let i = 0; i < lengths.length; i++) {
      const from = end;
      end = this.#putKey(this.#places[i] as number, from);
      lengths[i] = end - from;
    }
    writeLatin1(out, lengths, (into) => into.set(letters.subarray(0, end)));
  }

  /** @returns the place behind it. */
  #putKey(place: number, from: number): number {
    let at = from;
    reserve(at + 1);
    letters[at++] = TUPLE;
    for (const part of this.#parts) at = putPart(part.at(place) as number | string, at);
    return at;
  }
}

/** Makes room for so many letters. */
function reserve(count: number): void {
  if (count <= letters.length) return;
  const longer = Buffer.allocUnsafeSlow(2 * count);
  longer.set(letters);
  letters = longer;
}

function putPart(part: number | string, at: number): number {
  reserve(at + PART_LETTERS + (typeof part === "string" ? part.length : 0));
  if (typeof part === "string") return putText(STRING, part, at);
  return (part | 0) === part ? putInteger(part | 0, at) : putText(NUMBER, String(part), at);
}

function putText(letter: number, text: string, at: number): number {
  let next = putDigits(1 + text.length, at);
  letters[next++] = COLON;
  letters[next++] = letter;
  return next + letters.write(text, next, "latin1");
}

function putInteger(integer: number, at: number): number {
  const size = Math.abs(integer);
  let next = putDigits(1 + (integer < 0 ? 1 : 0) + digitsOf(size), at);
  letters[next++] = COLON;
  letters[next++] = NUMBER;
  if (integer < 0) letters[next++] = MINUS;
  return putDigits(size, next);
}

function putDigits(number: number, at: number): number {
  const end = at + digitsOf(number);
  let left = number;
  for (let place = end - 1; place >= at; place--) {
    const rest = Math.floor(left / 10);
    letters[place] = ZERO + left - 10 * rest;
    left = rest;
  }
  return end;
}

function digitsOf(number: number): number {
  let digits = 1;
  for (let bound = 10; bound <= number; bound *= 10) digits++;
  return digits;
}
