/**
 * Prices, evenly over the orders of magnitude: 10^(6d) of a double d in [0, 1), in cents and rounded: 100 … 100,000,000.
 *
 * A power costs as much as all other draws of a bid. So 10^x is taken apart into the nearest of a table's 10^(i/128) and the
 * first terms of the series of the rest, whose error is below 10⁻¹⁴ of the price. Only where that leaves open to which side it
 * is rounded, once in 10,000 prices at the most, the power is computed.
 */

import { type Code, f64, f64Load, get, i32, op, set } from "./wasm-code.ts";

const STEPS = 128;
const MAGNITUDES = 6;
const CENTS = 100;
/** Many times the error of the largest price, 10⁻⁶ cents. */
const DOUBT = 0.00005;
/** Of the series, from the power of five down. */
const COEFFICIENTS = [1 / 120, 1 / 24, 1 / 6, 1 / 2, 1, 1];

/** A price that the power has to tell. */
const DOUBTFUL = -1;

/** What `priceCode` finds in memory. */
export const powers = Float64Array.from({ length: MAGNITUDES * STEPS + 1 }, (_, step) => CENTS * 10 ** (step / STEPS));

/** The price of a double, `computed` by `priceCode`. */
export function settledPrice(computed: number, double: number): number {
  return computed === DOUBTFUL ? exactPrice(double) : computed;
}

export function exactPrice(double: number): number {
  return Math.floor(10 ** (double * MAGNITUDES) * CENTS + 0.5);
}

/** Takes a double from the stack and leaves its price or DOUBTFUL, an i32; `x` and `y` are locals for doubles. */
export function priceCode(powersAt: number, x: number, y: number): Code {
  const step = [...get(x), op.f64Nearest];
  const z = [...get(x), ...step, op.f64Sub, ...f64(Math.LN10 / STEPS), op.f64Mul];
  const series = COEFFICIENTS.flatMap((each, i) =>
    i === 0 ? f64(each) : [...get(y), op.f64Mul, ...f64(each), op.f64Add],
  );
  const power = [...step, op.i32TruncateF64, ...i32(3), op.i32ShiftLeft, ...f64Load(powersAt)];
  const fraction = [...get(x), ...get(y), op.f64Sub];
  const isAboveHalf = [...fraction, ...f64(DOUBT), op.f64Greater];
  const isBelowHalf = [...fraction, ...f64(1 - DOUBT), op.f64Less];
  return [
    ...[...f64(MAGNITUDES * STEPS), op.f64Mul, ...set(x)],
    ...[...z, ...set(y)],
    ...[...series, ...power, op.f64Mul, ...f64(0.5), op.f64Add, ...set(x)],
    ...[...get(x), op.f64Floor, ...set(y)],
    ...[...get(y), op.i32TruncateF64, ...i32(DOUBTFUL), ...isAboveHalf, ...isBelowHalf, op.i32And, op.select],
  ];
}
