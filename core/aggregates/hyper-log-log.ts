/**
 * Approximate distinct counts by HyperLogLog (Flajolet et al. 2007), as HyperLogLog++ improves it (Heule, Nunkesser and
 * Hall 2013): hashes beyond 32 bits, and an exact sparse form while there are few. In place of the tables of HLL++, which
 * correct the bias of small counts, the estimator of Ertl (2017), which has none over the whole range.
 *
 * 2^p registers of one byte. A value's hash of 52 bits names a register by its first p bits; the register keeps the
 * greatest number of leading zeros, plus one, of the other 52-p bits. The standard error is 1.04 / √2^p, so 95 % of
 * results are within twice that. Up to 2^p / 16 different values are kept as their hashes, and counted exactly but for
 * collisions of 52 bits.
 */

import { reader, type ValueAggregate, type ValueOf } from "../aggregate.ts";
import { MillraceError } from "../errors.ts";
import { encodeKey } from "../key.ts";
import { murmurString, murmurTwoWords } from "../murmur3.ts";
import type { Distinct } from "./distinct.ts";

/** Either the hashes in ascending order, or the registers. */
export interface DistinctSketch {
  sparse: number[] | undefined;
  registers: Uint8Array | undefined;
}

const PRECISION_MIN = 4;
const PRECISION_MAX = 16;
const HASH_BITS = 52;
/** Values of the lower word that the hash takes: 20 bits. */
const LOW_SPAN = 2 ** (HASH_BITS - 32);

export interface ApproximateDistinctOptions {
  /**
   * p: 2^p bytes are kept for a standard error of 1.04 / √2^p. From 4 to 16; default 12, which is 4 KiB and 1.6 %; 14 is
   * 16 KiB and 0.8 %.
   */
  readonly precision?: number;
}

/** About how many different values a field has, in a fixed size. @throws BAD_OPTION */
export function approximateDistinct<I>(
  of: ValueOf<I, Distinct>,
  { precision = 12 }: ApproximateDistinctOptions = {},
): ValueAggregate<I, DistinctSketch, number> {
  if (!Number.isInteger(precision) || precision < PRECISION_MIN || precision > PRECISION_MAX) {
    const message = `approximateDistinct expects a precision from ${PRECISION_MIN} to ${PRECISION_MAX}, got ${precision}`;
    throw new MillraceError("BAD_OPTION", message);
  }
  const { read, fields } = reader<I, Distinct>(of);
  return {
    create: () => ({ sparse: [], registers: undefined }),
    add: (sketch, value) => {
      addHash(sketch, hash52(read(value)), precision);
      return sketch;
    },
    merge: (into, from) => {
      mergeSketches(into, from, precision);
      return into;
    },
    result: ({ sparse, registers }) => sparse?.length ?? Math.round(estimate(registers as Uint8Array, precision)),
    partials: "plain",
    ...fields,
  };
}

const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);

/** A hash of 52 bits of the value's canonical form, as a whole number. */
export function hash52(value: unknown): number {
  if (typeof value === "number") {
    float[0] = value + 0;
    const low = words[0] as number;
    const high = words[1] as number;
    return murmurTwoWords(low, high, 11) * LOW_SPAN + (murmurTwoWords(low, high, 97) & (LOW_SPAN - 1));
  }
  const text = value === null ? "null" : encodeKey(value, "distinct");
  return murmurString(text, 11) * LOW_SPAN + (murmurString(text, 97) & (LOW_SPAN - 1));
}

function addHash(sketch: DistinctSketch, hash: number, precision: number): void {
  if (sketch.registers !== undefined) {
    setRegister(sketch.registers, hash, precision);
    return;
  }
  const sparse = sketch.sparse as number[]; // one of the two is there
  const at = lowerBound(sparse, hash);
  if (sparse[at] === hash) return;
  if (sparse.length < 2 ** precision / 16) {
    sparse.splice(at, 0, hash);
    return;
  }
  sketch.registers = densified(sparse, precision);
  sketch.sparse = undefined;
  setRegister(sketch.registers, hash, precision);
}

function lowerBound(sorted: readonly number[], value: number): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] as number) < value) from = middle + 1;
    else to = middle;
  }
  return from;
}

function densified(sparse: readonly number[], precision: number): Uint8Array {
  const registers = new Uint8Array(2 ** precision);
  for (const hash of sparse) setRegister(registers, hash, precision);
  return registers;
}

/** The register's number is the hash's first bits; the rest is a fraction whose leading zeros count. */
function setRegister(registers: Uint8Array, hash: number, precision: number): void {
  const bits = HASH_BITS - precision;
  const span = 2 ** bits;
  const index = Math.floor(hash / span);
  const rest = hash - index * span;
  const high = Math.floor(rest / 2 ** 20); // bits - 20 of them, at most 28
  const zeros = high > 0 ? Math.clz32(high) - (32 - (bits - 20)) : bits - 20 + Math.clz32(rest) - 12;
  const rank = zeros + 1;
  if (rank > (registers[index] as number)) registers[index] = rank;
}

function mergeSketches(into: DistinctSketch, from: DistinctSketch, precision: number): void {
  if (from.sparse !== undefined) {
    for (const hash of from.sparse) addHash(into, hash, precision);
    return;
  }
  const registers = into.registers ?? densified(into.sparse ?? [], precision);
  const others = from.registers as Uint8Array; // one of the two is there
  for (let i = 0; i < registers.length; i++) {
    if ((others[i] as number) > (registers[i] as number)) registers[i] = others[i] as number;
  }
  into.registers = registers;
  into.sparse = undefined;
}

/**
 * Ertl's improved raw estimator (New cardinality estimation algorithms for HyperLogLog sketches, algorithm 6): with C(k)
 * registers of value k among m, and q = 52-p,  α∞ m² / (m σ(C(0)/m) + Σ C(k) 2^-k + m τ(1 - C(q+1)/m) 2^-q).
 */
function estimate(registers: Uint8Array, precision: number): number {
  const m = registers.length;
  const q = HASH_BITS - precision;
  const counts = new Uint32Array(q + 2);
  for (let i = 0; i < m; i++) (counts[registers[i] as number] as number)++;
  let sum = m * tau(1 - (counts[q + 1] as number) / m);
  for (let k = q; k >= 1; k--) sum = 0.5 * (sum + (counts[k] as number));
  sum += m * sigma((counts[0] as number) / m);
  return (m * m) / (2 * Math.LN2 * sum);
}

/** x + Σ x^(2^k) 2^(k-1) */
function sigma(fraction: number): number {
  if (fraction === 1) return Number.POSITIVE_INFINITY;
  let x = fraction;
  let factor = 1;
  let sum = x;
  for (;;) {
    x *= x;
    const before = sum;
    sum += x * factor;
    factor += factor;
    if (sum === before) return sum;
  }
}

/** ⅓ (1 - x - Σ (1 - x^(2^-k))² 2^-k) */
function tau(fraction: number): number {
  if (fraction === 0 || fraction === 1) return 0;
  let x = fraction;
  let factor = 1;
  let sum = 1 - x;
  for (;;) {
    x = Math.sqrt(x);
    const before = sum;
    factor *= 0.5;
    sum -= (1 - x) ** 2 * factor;
    if (sum === before) return sum / 3;
  }
}
