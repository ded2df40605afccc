/**
 * Which of the shard's candidates have a description like that of a source item: tf-idf cosine over words.
 * A description becomes known when its item first occurs. idf counts only items known so far; it is frozen between
 * rebuilds, and a rebuild comes whenever the catalogue has grown by textRebuildGrowth (log-many in all).
 */
import { grown } from "./columns.ts";
import type { RecommenderConfig } from "./config.ts";

/** Row r is the cells [r * textRowMax, + lengths[r]). */
export type TextRows = { lengths: Int32Array; candidates: Uint16Array; cosines: Float32Array };

export type TextState = {
  /** Known items in order of first occurrence, with their words. */
  items: number[];
  words: string[][];
  /** In how many descriptions a word occurs. */
  frequency: Map<string, number>;
  nextRebuild: number;
  /** Derived, rebuilt from the above: word -> parallel lists of item ordinals and their tf-idf (unit vectors). */
  postings: Map<string, { ordinals: number[]; values: number[] }>;
  rows: TextRows;
};

export function newTextState(config: RecommenderConfig): TextState {
  return { items: [], words: [], frequency: new Map(), nextRebuild: config.textFirstRebuild, postings: new Map(), rows: newTextRows() };
}

function newTextRows(): TextRows {
  return { lengths: new Int32Array(0), candidates: new Uint16Array(0), cosines: new Float32Array(0) };
}

const tokens = (description: string): string[] => description.toLowerCase().match(/[a-z0-9']+/g) ?? [];

/** Takes in an item at its first occurrence. `localOf(item)` is its candidate index, or -1 in another shard. */
export function addText(state: TextState, item: number, description: string, localOf: (item: number) => number, config: RecommenderConfig): void {
  const words = tokens(description);
  state.items.push(item);
  state.words.push(words);
  for (const word of new Set(words)) state.frequency.set(word, (state.frequency.get(word) ?? 0) + 1);
  if (state.items.length < state.nextRebuild) return link(state, state.items.length - 1, localOf, config);
  state.nextRebuild = Math.ceil(state.items.length * config.textRebuildGrowth);
  state.postings.clear();
  state.rows.lengths.fill(0);
  for (let ordinal = 0; ordinal < state.items.length; ordinal++) link(state, ordinal, localOf, config);
}

/** Finds the cosine of one item with all that were linked before it, and files both directions. */
function link(state: TextState, ordinal: number, localOf: (item: number) => number, config: RecommenderConfig): void {
  const item = state.items[ordinal]!;
  const local = localOf(item);
  const cosines = new Map<number, number>();
  for (const [word, value] of unitVector(state, state.words[ordinal]!)) {
    let posting = state.postings.get(word);
    if (posting === undefined) state.postings.set(word, (posting = { ordinals: [], values: [] }));
    for (let at = 0; at < posting.ordinals.length; at++) {
      const other = posting.ordinals[at]!;
      cosines.set(other, (cosines.get(other) ?? 0) + value * posting.values[at]!);
    }
    posting.ordinals.push(ordinal);
    posting.values.push(value);
  }
  for (const [other, cosine] of cosines) {
    if (cosine < config.textCosineMin) continue;
    const otherItem = state.items[other]!;
    const otherLocal = localOf(otherItem);
    if (otherLocal >= 0) file(state, item, otherLocal, cosine, config);
    if (local >= 0) file(state, otherItem, local, cosine, config);
  }
}

function unitVector(state: TextState, words: string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const vector: [string, number][] = [];
  let squares = 0;
  for (const [word, count] of counts) {
    const value = count * (Math.log((1 + state.items.length) / (1 + state.frequency.get(word)!)) + 1);
    vector.push([word, value]);
    squares += value * value;
  }
  for (const entry of vector) entry[1] /= Math.sqrt(squares);
  return vector;
}

/** Keeps the textRowMax largest cosines of a row; among equals the earlier stays. */
function file({ rows }: TextState, source: number, candidate: number, cosine: number, config: RecommenderConfig): void {
  if (source >= rows.lengths.length) {
    rows.lengths = grown(rows.lengths, source + 1);
    rows.candidates = grown(rows.candidates, rows.lengths.length * config.textRowMax);
    rows.cosines = grown(rows.cosines, rows.lengths.length * config.textRowMax);
  }
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
