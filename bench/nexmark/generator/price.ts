/**
 * Prices, evenly over the orders of magnitude: 10^(6d) of a double d in [0, 1), in cents and rounded: 100 … 100,000,000.
 *
 * A power costs as much as all other draws of a bid. So 10^x is taken apart into the nearest of a table's 10^((i+½)/128) and the
 * first terms of the series of the rest, whose error is below 10⁻¹⁴ of the price. Only where that leaves open to which side it
 * is rounded, once in 10,000 prices at the most, the power is computed.
 *
 * What counts is how soon the last result is known, as a processor looks no further ahead than a bid or two. So the double's
 * bits are taken apart as an integer, and the series' terms do not wait for each other.
 */

import { type Code, f64, f64Load, get, i32, i64, op, set, tee, type } from "./wasm-code.ts";

export const DOUBLE_BITS = 53;
const STEPS = 128;
const MAGNITUDES = 6;
const CENTS = 100;
/** Many times the error of the largest price, 10⁻⁶ cents. */
const DOUBT = 0.00005;

/** MAGNITUDES * STEPS is three times a power of two: of thrice a double's bits the highest are the step, so many are the rest. */
const REST_BITS = DOUBLE_BITS - Math.log2((MAGNITUDES * STEPS) / 3);
/** What the sum with a double below 2⁵¹ has no place for behind the point: it is rounded, and in the lowest bits an integer. */
const ROUNDING = 1.5 * 2 ** 52;

/** A price that the power has to tell. */
const DOUBTFUL = -1;

/** What `priceCode` finds in memory. */
export const powers = Float64Array.from(
  { length: MAGNITUDES * STEPS },
  (_, step) => CENTS * 10 ** ((step + 0.5) / STEPS),
);

/** The price `computed` by `priceCode` of a double whose bits are in two words at that place, the lower one first. */
export function settledPrice(computed: number, words: Int32Array, bitsAt: number): number {
  if (computed !== DOUBTFUL) return computed;
  const low = (words[bitsAt] as number) >>> 0;
  return exactPrice(((words[bitsAt + 1] as number) * 2 ** 32 + low) / 2 ** DOUBLE_BITS);
}

export function exactPrice(double: number): number {
  return Math.floor(10 ** (double * MAGNITUDES) * CENTS + 0.5);
}

/** The locals of `priceCode`, by the number of the first. */
export const PRICE_LOCALS: Code = [type.i64, type.f64, type.f64, type.f64];

/** Takes the 53 bits of a double from the stack, an i64, and leaves its price or DOUBTFUL, an i32. */
export function priceCode(powersAt: number, firstLocal: number): Code {
  const [thrice, z, square, price] = [0, 1, 2, 3].map((each) => firstLocal + each) as [number, number, number, number];
  const one = 2n ** BigInt(REST_BITS);
  const rest = [...get(thrice), ...i64(one - 1n), op.i64And, ...i64(one / 2n), op.i64Sub, op.f64ConvertSignedI64];
  const step = [...get(thrice), ...i64(REST_BITS), op.i64ShiftUnsigned, op.i32WrapI64];
  const power = [...step, ...i32(3), op.i32ShiftLeft, ...f64Load(powersAt)];
  // 1 + z + z² (1/2 + z/6 + z² (1/24 + z/120))
  const pair = (at: number, next: number): Code => [...f64(at), ...get(z), ...f64(next), op.f64Mul, op.f64Add];
  const higher = [...get(square), ...pair(1 / 24, 1 / 120), op.f64Mul, ...pair(1 / 2, 1 / 6), op.f64Add];
  const series = [...get(square), ...higher, op.f64Mul, ...get(z), ...f64(1), op.f64Add, op.f64Add];
  const sum = [...get(price), ...f64(ROUNDING), op.f64Add, ...tee(z)];
  const error = [...get(price), ...get(z), ...f64(ROUNDING), op.f64Sub, op.f64Sub, op.f64Absolute];
  return [
    ...[...i64(3), op.i64Mul, ...set(thrice)],
    ...[
      ...rest,
      ...f64(Math.LN10 / STEPS / 2 ** REST_BITS),
      op.f64Mul,
      ...tee(z),
      ...get(z),
      op.f64Mul,
      ...set(square),
    ],
    ...[...series, ...power, op.f64Mul, ...set(price)],
    ...[...sum, op.i64ReinterpretF64, op.i32WrapI64],
    ...[...i32(DOUBTFUL), ...error, ...f64(0.5 - DOUBT), op.f64Less, op.select],
  ];
}
