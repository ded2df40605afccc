/** Texts of a packed column: one text of each 512, and where each ends. Used by `packed-column.ts` only. */

import type { PackedColumn, Places } from "./packed-column.ts";

/** So many are one text, as one that is read keeps the others of it in memory. */
const PART_BITS = 9;
const PART_TEXTS = 1 << PART_BITS;
const PART_MASK = PART_TEXTS - 1;

export class TextColumn implements PackedColumn {
  readonly #parts: readonly string[];
  /** Within its part. */
  readonly #ends: Uint16Array | Uint32Array;

  constructor(texts: readonly string[]) {
    const parts: string[] = [];
    let longest = 0;
    for (let from = 0; from < texts.length; from += PART_TEXTS) {
      const part = (texts.length <= PART_TEXTS ? texts : texts.slice(from, from + PART_TEXTS)).join("");
      parts.push(part);
      longest = Math.max(longest, part.length);
    }
    this.#parts = parts;
    this.#ends = endsOf(texts, longest);
  }

  at(place: number): unknown {
    const from = (place & PART_MASK) === 0 ? 0 : (this.#ends[place - 1] as number);
    return (this.#parts[place >> PART_BITS] as string).substring(from, this.#ends[place] as number);
  }

  only(places: Places): PackedColumn {
    const texts: string[] = new Array(places.length);
    for (let i = 0; i < places.length; i++) texts[i] = this.at(places[i] as number) as string;
    return new TextColumn(texts);
  }
}

function endsOf(texts: readonly string[], longestPart: number): Uint16Array | Uint32Array {
  const ends = new (longestPart <= 0xffff ? Uint16Array : Uint32Array)(texts.length);
  let end = 0;
  for (let i = 0; i < texts.length; i++) {
    if ((i & PART_MASK) === 0) end = 0;
    end += (texts[i] as string).length;
    ends[i] = end;
  }
  return ends;
}
