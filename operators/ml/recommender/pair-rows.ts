/**
 * What was bought together. One row per (shard, source item): the shard's own candidates seen in a basket with the
 * source, three weights each: broad (either order), forward (source first), backward (candidate first).
 * Row r is the cells [r * rowLengthMax, + lengths[r]) of every column: the unit a checkpoint copies.
 * Weights grow by an inflation factor 2^(age/half-life) instead of decaying, so an entry is written only when its
 * pair occurs; the reader divides the factor out.
 */
import { grown } from "./columns.ts";
import type { RecommenderConfig } from "./config.ts";

export type PairRows = {
  lengths: Int32Array;
  /** Local candidate indexes: a shard holds fewer than 65,536. */
  candidates: Uint16Array;
  broad: Float32Array;
  forward: Float32Array;
  backward: Float32Array;
};

export function newPairRows(): PairRows {
  return {
    lengths: new Int32Array(0), candidates: new Uint16Array(0),
    broad: new Float32Array(0), forward: new Float32Array(0), backward: new Float32Array(0),
  };
}

/** Makes room for the rows of sources below `sources`. */
export function reserveRows(rows: PairRows, sources: number, config: RecommenderConfig): void {
  if (sources <= rows.lengths.length) return;
  rows.lengths = grown(rows.lengths, sources);
  const cells = rows.lengths.length * config.rowLengthMax;
  rows.candidates = grown(rows.candidates, cells);
  rows.broad = grown(rows.broad, cells);
  rows.forward = grown(rows.forward, cells);
  rows.backward = grown(rows.backward, cells);
}

/** Adds to the entry of `candidate`, which is made and made room for as needed. */
export function addPair(rows: PairRows, source: number, candidate: number, broad: number, sharp: number, directed: Float32Array, config: RecommenderConfig): void {
  const { candidates } = rows;
  const from = source * config.rowLengthMax;
  const end = from + rows.lengths[source]!;
  let at = from;
  while (at < end && candidates[at] !== candidate) at++;
  if (at === end) at = append(rows, source, candidate, config);
  rows.broad[at]! += broad;
  if (sharp > 0) directed[at]! += sharp;
}

function append(rows: PairRows, source: number, candidate: number, config: RecommenderConfig): number {
  if (rows.lengths[source] === config.rowLengthMax) prune(rows, source, config);
  const at = source * config.rowLengthMax + rows.lengths[source]!++;
  rows.candidates[at] = candidate;
  rows.broad[at] = rows.forward[at] = rows.backward[at] = 0;
  return at;
}

/** Drops the lightest quarter of a full row; entries keep their order, so the result depends on the row alone. */
function prune(rows: PairRows, source: number, config: RecommenderConfig): void {
  const from = source * config.rowLengthMax;
  const end = from + config.rowLengthMax;
  const surplus = config.rowLengthMax >> 2;
  const threshold = rows.broad.slice(from, end).sort()[surplus - 1]!;
  let to = from;
  for (let at = from; at < end; at++) {
    if (rows.broad[at]! <= threshold && at - to < surplus) continue;
    rows.candidates[to] = rows.candidates[at]!;
    rows.broad[to] = rows.broad[at]!;
    rows.forward[to] = rows.forward[at]!;
    rows.backward[to] = rows.backward[at]!;
    to++;
  }
  rows.lengths[source] = to - from;
}

/** Divides all weights, when the inflation factor is about to leave the range of a Float32. */
export function deflate(rows: PairRows, factor: number): void {
  for (const weights of [rows.broad, rows.forward, rows.backward]) {
    for (let at = 0; at < weights.length; at++) weights[at]! /= factor;
  }
}
