// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

/**
 * Which of the shard's candidates have a description like that of a source item: tf-idf cosine over words.
 * A description becomes known when its item first occurs. idf counts only items known so far; it is frozen between
 * rebuilds, and a rebuild comes whenever the catalogue has grown by textRebuildGrowth (log-many in all).
 */

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
  /** The words of every known item, by ordinal: ids in order of first occurrence. */
  words: number[][];
  /** Word -> id. */
  wordIds: Map<string, number>;
  /** By word id: in how many descriptions a word occurs. */
  frequency: number[];
  /** The number of known items at which idf is computed anew. */
  nextRebuild: number;
  /** Derived, rebuilt from the above: by word id, the items of this shard that have the word, and those of the others. */
  own: Posting[];
  foreign: Posting[];
  rows: TextRows;
}

export function newTextState(config: RecommenderConfig): TextState {
  return {
    words: [],
    wordIds: new Map(),
    frequency: [],
    nextRebuild: config.textFirstRebuild,
    own: [],
    foreign: [],
    rows: newTextRows(),
  };
}

function newTextRows(): TextRows {
  return { lengths: new Int32Array(0), candidates: new Uint16Array(0), cosines: new Float32Array(0) };
}

const tokens = (description: string): string[] => description.toLowerCase().match(/[a-z0-9']+/g) ?? [];

// Scratch: meaningless between calls.
let cosines = new Float64Array(0);
const touched: number[] = [];

/**
 * Takes in the next ordinal at its first occurrence. `locals[ordinal]` is its candidate index plus 1, or 0 in another
 * shard.
 */
export function addText(state: TextState, description: string, locals: Int32Array, config: RecommenderConfig): void {
  const { words, wordIds, frequency, rows } = state;
  const ids = tokens(description).map((word) => {
    let id = wordIds.get(word);
    if (id === undefined) {
      id = wordIds.size;
      wordIds.set(word, id);
      frequency.push(0);
      state.own.push({ ordinals: [], values: [] });
      state.foreign.push({ ordinals: [], values: [] });
    }
    return id;
  });
  words.push(ids);
  for (const id of new Set(ids)) frequency[id]!++;
  rows.lengths = grown(rows.lengths, words.length);
  rows.candidates = grown(rows.candidates, rows.lengths.length * config.textRowMax);
  rows.cosines = grown(rows.cosines, rows.lengths.length * config.textRowMax);
  if (words.length < state.nextRebuild) {
    link(state, words.length - 1, locals, config);
    return;
  }
  state.nextRebuild = Math.ceil(words.length * config.textRebuildGrowth);
  for (const posting of [...state.own, ...state.foreign]) posting.ordinals.length = posting.values.length = 0;
  rows.lengths.fill(0);
  for (let ordinal = 0; ordinal < words.length; ordinal++) link(state, ordinal, locals, config);
}

/**
 * Finds the cosines of one item with those linked before it, and files both directions. An item of another shard is
 * compared with those of this shard only.
 */
function link(state: TextState, ordinal: number, locals: Int32Array, config: RecommenderConfig): void {
  const local = locals[ordinal]! - 1;
  if (cosines.length <= ordinal) cosines = grown(cosines, ordinal + 1);
  touched.length = 0;
  for (const [word, value] of unitVector(state, state.words[ordinal]!)) {
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

/** The tf-idf of the words, as [word id, value] of length 1. */
function unitVector(state: TextState, words: number[]): [number, number][] {
  const counts = new Map<number, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const vector: [number, number][] = [];
  let squares = 0;
  for (const [word, count] of counts) {
    const value = count * (Math.log((1 + state.words.length) / (1 + state.frequency[word]!)) + 1);
    vector.push([word, value]);
    squares += value * value;
  }
  for (const entry of vector) entry[1] /= Math.sqrt(squares);
  return vector;
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
