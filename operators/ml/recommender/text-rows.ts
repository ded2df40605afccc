// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

/**
 * Which of the shard's candidates have a description like that of a source item: tf-idf cosine over words.
 * A description becomes known when its item first occurs; how words weigh is the catalogue's to say.
 */

import { type Catalogue, unitVector } from "./catalogue.ts";
import { grown } from "./columns.ts";
import type { RecommenderConfig } from "./config.ts";

/** By source ordinal, the shard's candidates that read alike. Row r: the cells [r * textRowMax, + lengths[r]), unordered. */
export interface TextRows {
  lengths: Int32Array;
  /** Local candidate indexes. */
  candidates: Uint16Array;
  cosines: Float32Array;
}

/** Parallel lists: item ordinals and their tf-idf (unit vectors). */
interface Posting {
  ordinals: number[];
  values: number[];
}

export interface TextState {
  /** Derived, rebuilt from the catalogue: by word id, the items of this shard that have the word, and those of the others. */
  own: Posting[];
  foreign: Posting[];
  rows: TextRows;
}

export function newTextState(): TextState {
  return { own: [], foreign: [], rows: newTextRows() };
}

function newTextRows(): TextRows {
  return { lengths: new Int32Array(0), candidates: new Uint16Array(0), cosines: new Float32Array(0) };
}

// Scratch: meaningless between calls.
let cosines = new Float64Array(0);
const touched: number[] = [];

/**
 * Files the catalogue's newest item. `locals[ordinal]` is its candidate index plus 1, or 0 in another shard.
 * REQUIRES that each item of the catalogue is filed when it is the newest.
 */
export function addText(state: TextState, catalogue: Catalogue, locals: Int32Array, config: RecommenderConfig): void {
  const { rows, own, foreign } = state;
  const items = catalogue.words.length;
  while (own.length < catalogue.frequency.length) {
    own.push({ ordinals: [], values: [] });
    foreign.push({ ordinals: [], values: [] });
  }
  rows.lengths = grown(rows.lengths, items);
  rows.candidates = grown(rows.candidates, rows.lengths.length * config.textRowMax);
  rows.cosines = grown(rows.cosines, rows.lengths.length * config.textRowMax);
  if (catalogue.rebuiltAt < items) {
    link(state, catalogue, items - 1, locals, config);
    return;
  }
  for (const posting of [...own, ...foreign]) posting.ordinals.length = posting.values.length = 0;
  rows.lengths.fill(0);
  for (let ordinal = 0; ordinal < items; ordinal++) link(state, catalogue, ordinal, locals, config);
}

/**
 * Finds the cosines of one item with those linked before it, and files both directions. An item of another shard is
 * compared with those of this shard only.
 */
function link(
  state: TextState,
  catalogue: Catalogue,
  ordinal: number,
  locals: Int32Array,
  config: RecommenderConfig,
): void {
  const local = locals[ordinal]! - 1;
  if (cosines.length <= ordinal) cosines = grown(cosines, ordinal + 1);
  touched.length = 0;
  for (const [word, value] of unitVector(catalogue, ordinal)) {
    collect(state.own[word]!, value);
    if (local >= 0) collect(state.foreign[word]!, value);
    const posting = (local >= 0 ? state.own : state.foreign)[word]!;
    posting.ordinals.push(ordinal);
    posting.values.push(value);
  }
  for (const other of touched) {
    const cosine = cosines[other]!;
    cosines[other] = 0;
    if (cosine < config.textCosineMin || other === ordinal) continue;
    const otherLocal = locals[other]! - 1;
    if (otherLocal >= 0) file(state, ordinal, otherLocal, cosine, config);
    if (local >= 0) file(state, other, local, cosine, config);
  }
}

/** Adds one word's share to the cosines of all items that have it. */
function collect({ ordinals, values }: Posting, value: number): void {
  for (let at = 0; at < ordinals.length; at++) {
    const other = ordinals[at]!;
    if (cosines[other] === 0) touched.push(other);
    cosines[other]! += value * values[at]!;
  }
}

/** Keeps the textRowMax largest cosines of a row; among equals the earlier stays. */
function file({ rows }: TextState, source: number, candidate: number, cosine: number, config: RecommenderConfig): void {
  const from = source * config.textRowMax;
  const length = rows.lengths[source]!;
  let at = from + length;
  if (length < config.textRowMax) rows.lengths[source] = length + 1;
  else {
    at = from;
    for (let other = from + 1; other < from + length; other++) if (rows.cosines[other]! < rows.cosines[at]!) at = other;
    if (rows.cosines[at]! >= cosine) return;
  }
  rows.candidates[at] = candidate;
  rows.cosines[at] = cosine;
}
