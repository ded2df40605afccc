// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

/**
 * What all shards know of the items alike, as every shard sees every event: an ordinal for each, and the words of its
 * description. The shards of a thread share one catalogue, so an event is looked up once and a text is read once.
 *
 * Words weigh by tf-idf. idf counts the items known so far; what shards have filed under it stays until a rebuild, which
 * comes whenever the catalogue has grown by textRebuildGrowth (log-many in all).
 */

import type { RecommenderConfig } from "./config.ts";

export interface Catalogue {
  /** Item id -> ordinal, in order of first occurrence; every column and row of a source is by ordinal. */
  readonly ordinals: Map<number, number>;
  /** The words of every item, by ordinal: ids in order of first occurrence. */
  readonly words: number[][];
  /** Word -> id. */
  readonly wordIds: Map<string, number>;
  /** By word id: in how many descriptions a word occurs. */
  readonly frequency: number[];
  /** How many items there were at the last rebuild; 0 before the first. */
  rebuiltAt: number;
}

/** Word ids and their tf-idf: a vector of length 1. */
export type UnitVector = readonly (readonly [word: number, value: number])[];

export function newCatalogue(): Catalogue {
  return { ordinals: new Map(), words: [], wordIds: new Map(), frequency: [], rebuiltAt: 0 };
}

/** Takes in an item at its first occurrence, and returns its ordinal. The shards of the thread have to follow. */
export function addToCatalogue(
  catalogue: Catalogue,
  item: number,
  description: string,
  { textFirstRebuild, textRebuildGrowth }: RecommenderConfig,
): number {
  const { ordinals, words, wordIds, frequency, rebuiltAt } = catalogue;
  const ordinal = words.length;
  const ids = wordsOf(description).map((word) => {
    let id = wordIds.get(word);
    if (id === undefined) {
      id = wordIds.size;
      wordIds.set(word, id);
      frequency.push(0);
    }
    return id;
  });
  ordinals.set(item, ordinal);
  words.push(ids);
  for (const id of new Set(ids)) frequency[id]!++;
  const due = rebuiltAt === 0 ? textFirstRebuild : Math.ceil(rebuiltAt * textRebuildGrowth);
  if (words.length >= due) catalogue.rebuiltAt = words.length;
  return ordinal;
}

const wordsOf = (description: string): string[] => description.toLowerCase().match(/[a-z0-9']+/g) ?? [];

/** The vectors that the catalogue's shards have asked for since its latest item. */
interface Vectors {
  readonly catalogue: Catalogue;
  readonly items: number;
  readonly byOrdinal: Map<number, UnitVector>;
}

// Scratch: the shards of a thread take in an item one after the other.
let latest: Vectors | undefined;

/** The tf-idf of an item's words, by the catalogue as it is now. */
export function unitVector(catalogue: Catalogue, ordinal: number): UnitVector {
  const items = catalogue.words.length;
  if (latest?.catalogue !== catalogue || latest.items !== items)
    latest = { catalogue, items, byOrdinal: new Map<number, UnitVector>() };
  let vector = latest.byOrdinal.get(ordinal);
  if (vector === undefined) {
    vector = newUnitVector(catalogue, ordinal);
    latest.byOrdinal.set(ordinal, vector);
  }
  return vector;
}

function newUnitVector({ words, frequency }: Catalogue, ordinal: number): UnitVector {
  const counts = new Map<number, number>();
  for (const word of words[ordinal]!) counts.set(word, (counts.get(word) ?? 0) + 1);
  const vector: [number, number][] = [];
  let squares = 0;
  for (const [word, count] of counts) {
    const value = count * (Math.log((1 + words.length) / (1 + frequency[word]!)) + 1);
    vector.push([word, value]);
    squares += value * value;
  }
  for (const entry of vector) entry[1] /= Math.sqrt(squares);
  return vector;
}
