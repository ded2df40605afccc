// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

/**
 * What was bought together. One row per (shard, source ordinal): the shard's own candidates seen in a basket with the
 * source, two weights each: broad (either order) and forward (source first).
 * A row is one block of memory [broad x L][forward x L][candidates x L],
 * because a row is mostly read cold and each separate column would cost a miss of its own.
 * Weights grow by an inflation factor 2^(age/half-life) instead of decaying, so an entry is written only when its
 * pair occurs; the reader divides the factor out.
 */

import { grown } from "./columns.ts";
import type { RecommenderConfig } from "./config.ts";

export interface PairRows {
  /** Entries per row, L: even. */
  readonly rowLength: number;
  /** By source ordinal: entries in its row. */
  lengths: Int32Array;
  /**
   * The memory of all rows. Row r: [r * 5 L + 4 L, + L) local candidate indexes (a shard holds fewer than 65,536);
   * what stands before them are the weights, in two cells each. This column alone is the record: copy it exactly.
   */
  candidates: Uint16Array;
  /** A view of the same memory, made anew by relinkRows. Row r: [r * 2.5 L, + L) broad, [+ L, + 2 L) forward. */
  weights: Float32Array;
}

export function newPairRows(config: RecommenderConfig): PairRows {
  if (config.rowLengthMax % 2 !== 0) throw new RangeError("rowLengthMax must be even");
  const candidates = new Uint16Array(0);
  return {
    rowLength: config.rowLengthMax,
    lengths: new Int32Array(0),
    candidates,
    weights: new Float32Array(candidates.buffer),
  };
}

/** Restores the view after the columns were read back from a checkpoint. */
export function relinkRows(rows: PairRows): void {
  if (rows.weights.buffer === rows.candidates.buffer) return;
  if (rows.candidates.byteOffset % 4 !== 0) rows.candidates = rows.candidates.slice();
  rows.weights = new Float32Array(rows.candidates.buffer, rows.candidates.byteOffset, rows.candidates.length >> 1);
}

/** Makes room for the rows of sources below `sources`. */
export function reserveRows(rows: PairRows, sources: number): void {
  if (sources <= rows.lengths.length) return;
  rows.lengths = grown(rows.lengths, sources + (sources & 1));
  rows.candidates = grown(rows.candidates, rows.lengths.length * rows.rowLength * 5);
  rows.weights = new Float32Array(rows.candidates.buffer, 0, rows.candidates.length >> 1);
}

/** Adds to the entry of `candidate`, which is made and made room for as needed. */
export function addPair(rows: PairRows, source: number, candidate: number, broad: number, forward: number): void {
  const { candidates, weights, rowLength } = rows;
  const first = source * 5 * rowLength + 4 * rowLength;
  const length = rows.lengths[source]!;
  let at = 0;
  while (at < length && candidates[first + at] !== candidate) at++;
  const block = (source * 5 * rowLength) >> 1;
  if (at === length) {
    if (length === rowLength) at = prune(rows, source);
    rows.lengths[source] = at + 1;
    candidates[first + at] = candidate;
    weights[block + at] = broad;
    weights[block + rowLength + at] = forward;
    return;
  }
  weights[block + at]! += broad;
  if (forward > 0) weights[block + rowLength + at]! += forward;
}

/** Scratch of `prune`, meaningless between calls: a quarter of a row. REQUIRES rowLengthMax <= 1024. */
const lightest = new Float64Array(256);

/** Drops the lightest quarter of a full row; entries keep their order, so the result depends on the row alone. */
function prune(rows: PairRows, source: number): number {
  const { candidates, weights, rowLength } = rows;
  const block = (source * 5 * rowLength) >> 1;
  const first = source * 5 * rowLength + 4 * rowLength;
  const surplus = rowLength >> 2;
  // The `surplus` smallest weights, ascending.
  let kept = 0;
  for (let at = block; at < block + rowLength; at++) {
    const weight = weights[at]!;
    if (kept === surplus && weight >= lightest[kept - 1]!) continue;
    let to = kept < surplus ? kept++ : kept - 1;
    while (to > 0 && lightest[to - 1]! > weight) {
      lightest[to] = lightest[to - 1]!;
      to--;
    }
    lightest[to] = weight;
  }
  // Of those as heavy as the heaviest to go, the first ones go.
  const threshold = lightest[surplus - 1]!;
  let ties = 0;
  while (ties < surplus && lightest[surplus - 1 - ties] === threshold) ties++;
  let to = 0;
  for (let at = 0; at < rowLength; at++) {
    const weight = weights[block + at]!;
    if (weight < threshold || (weight === threshold && ties-- > 0)) continue;
    candidates[first + to] = candidates[first + at]!;
    weights[block + to] = weights[block + at]!;
    weights[block + rowLength + to] = weights[block + rowLength + at]!;
    to++;
  }
  return to;
}

/** Divides all weights, when the inflation factor is about to leave the range of a Float32. */
export function deflate(rows: PairRows, factor: number): void {
  const { weights, rowLength } = rows;
  for (let row = 0; row < rows.lengths.length; row++) {
    const block = (row * 5 * rowLength) >> 1;
    for (let at = block; at < block + 2 * rowLength; at++) weights[at]! /= factor;
  }
}
