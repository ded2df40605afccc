/** The texts of the events: what is drawn anew for each, and the tables that a seed makes once. */

import { CHANNELS, STATIC_TEXT_LENGTH } from "./odds.ts";
import { SplitMix, startOf } from "./split-mix.ts";

const UNDERSCORE = 0x5f;
const LETTER_A = 0x61;

/** As many letters as one draw of 32 bits has room for. */
const LETTERS_PER_DRAW = 6;

export interface TextTables {
  /** The ballast of events is cut from it. */
  readonly staticText: string;
  /** Of each channel, the hot ones first: in arrays of their own, as these stay in the processor's caches. */
  readonly channelNames: readonly string[];
  readonly channelUrls: readonly string[];
}

const tables = new Map<number, TextTables>();

/** The tables of a seed. Making them takes some 20 ms, so a thread does it once. */
export function textTables(seed: number): TextTables {
  const known = tables.get(seed);
  if (known !== undefined) return known;
  const random = new SplitMix(startOf(BigInt(seed) - 2n));
  const hotNames = ["Google", "Facebook", "Baidu", "Apple"];
  const hotUrls = hotNames.map(() => baseUrl(random));
  const others = Array.from({ length: CHANNELS }, (_, i) => i);
  const made: TextTables = {
    staticText: staticText(new SplitMix(startOf(BigInt(seed) - 1n))),
    channelNames: [...hotNames, ...others.map((i) => `channel-${i}`)],
    channelUrls: [...hotUrls, ...others.map((i) => channelUrl(i, random))],
  };
  tables.set(seed, made);
  return made;
}

/** Remainders of negative draws are negative, in Java as here: so half of the letters lie before "a". */
function staticText(random: SplitMix): string {
  const text = Buffer.alloc(STATIC_TEXT_LENGTH);
  for (let at = 0; at < text.length; ) {
    let drawn = random.int();
    for (let n = 0; n < LETTERS_PER_DRAW && at < text.length; n++, at++) {
      text[at] = LETTER_A + (drawn % 26);
      drawn = (drawn / 26) | 0;
    }
  }
  return text.toString("latin1");
}

function baseUrl(random: SplitMix): string {
  return random.drawnLetters.toString("latin1", 0, drawBaseUrl(random));
}

function channelUrl(channel: number, random: SplitMix): string {
  const length = drawBaseUrl(random);
  const id = random.below(10) > 0 ? `&channel_id=${channelId(channel)}` : "";
  return random.drawnLetters.toString("latin1", 0, written(id, random, length));
}

/** Puts one together in `drawnLetters`: thousands of texts made of parts are garbage that fills the heap. Returns its length. */
function drawBaseUrl(random: SplitMix): number {
  let at = written("https://www.nexmark.com", random, 0);
  for (let folder = 0; folder < 3; folder++) at = random.letters(5, UNDERSCORE, written("/", random, at));
  return written("/item.htm?query=1", random, at);
}

/** Returns the place behind the text. */
function written(text: string, random: SplitMix, at: number): number {
  return at + random.drawnLetters.write(text, at, "latin1");
}

/** The channel's number with its 32 bits in reverse, without its sign; -2³¹ keeps it, as Java's `Math.abs` leaves it. */
function channelId(channel: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) reversed |= ((channel >>> bit) & 1) << (31 - bit);
  return reversed === -(2 ** 31) ? reversed : Math.abs(reversed);
}
