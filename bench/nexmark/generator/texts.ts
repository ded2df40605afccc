/** The texts of the events: what is drawn anew for each, and the tables that a seed makes once. */

import { SplitMix } from "./split-mix.ts";

const STATIC_TEXT_LENGTH = 1024 * 1024;
const CHANNELS = 10_000;
const LENGTH_MIN = 3;
const SPACE = 0x20;
const UNDERSCORE = 0x5f;
const LETTER_A = 0x61;

/** As many letters as one draw of 32 bits has room for. */
const LETTERS_PER_DRAW = 6;

/** Room for the longest text that is drawn letter by letter, an auction's description. */
const letters = Buffer.alloc(128);

export interface Channel {
  readonly name: string;
  readonly url: string;
}

export interface TextTables {
  /** The ballast of events is cut from it. */
  readonly staticText: string;
  readonly hotChannels: readonly Channel[];
  readonly channels: readonly Channel[];
}

const tables = new Map<number, TextTables>();

/** The tables of a seed. Making them takes some 20 ms, so a thread does it once. */
export function textTables(seed: number): TextTables {
  const known = tables.get(seed);
  if (known !== undefined) return known;
  const random = new SplitMix(seed - 2);
  const hotUrls = ["Google", "Facebook", "Baidu", "Apple"].map((name) => ({ name, url: baseUrl(random) }));
  const made: TextTables = {
    staticText: staticText(new SplitMix(seed - 1)),
    hotChannels: hotUrls,
    channels: Array.from({ length: CHANNELS }, (_, i) => ({ name: `channel-${i}`, url: channelUrl(i, random) })),
  };
  tables.set(seed, made);
  return made;
}

/** Letters and spaces, 3 … lengthMax-1 of them, without spaces around them. */
export function drawText(random: SplitMix, lengthMax: number): string {
  let end = drawLetters(random, lengthMax, SPACE);
  let start = 0;
  while (end > start && letters[end - 1] === SPACE) end--;
  while (start < end && letters[start] === SPACE) start++;
  return letters.toString("latin1", start, end);
}

/**
 * Ballast that brings an event of `size` bytes to about `sizeMean`: empty if it is larger, else a part of the static text
 * whose length is within a fifth of what is missing. The part is no copy.
 */
export function drawExtra(random: SplitMix, size: number, sizeMean: number, text: string): string {
  if (size > sizeMean) return "";
  const missing = sizeMean - size;
  const delta = Math.floor(missing * 0.2 + 0.5);
  const length = missing - delta + (delta === 0 ? 0 : random.below(2 * delta));
  const at = random.below(STATIC_TEXT_LENGTH - length);
  return text.substring(at, at + length);
}

/** Draws the length and the letters, and returns the length. */
function drawLetters(random: SplitMix, lengthMax: number, special: number): number {
  const length = LENGTH_MIN + random.below(lengthMax - LENGTH_MIN);
  for (let i = 0; i < length; i++) letters[i] = random.below(13) === 0 ? special : LETTER_A + random.below(26);
  return length;
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
  const folder = (): string => letters.toString("latin1", 0, drawLetters(random, 5, UNDERSCORE));
  return `https://www.nexmark.com/${folder()}/${folder()}/${folder()}/item.htm?query=1`;
}

function channelUrl(channel: number, random: SplitMix): string {
  const url = baseUrl(random);
  return random.below(10) > 0 ? `${url}&channel_id=${channelId(channel)}` : url;
}

/** The channel's number with its 32 bits in reverse, without its sign; -2³¹ keeps it, as Java's `Math.abs` leaves it. */
function channelId(channel: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) reversed |= ((channel >>> bit) & 1) << (31 - bit);
  return reversed === -(2 ** 31) ? reversed : Math.abs(reversed);
}
