/**
 * Prices, evenly over the orders of magnitude: 10^(6d) of a double d in [0, 1), in cents and rounded: 100 … 100,000,000.
 *
 * A power costs as much as all other draws of a bid. So 10^x is taken apart into a table's 10^(i/1024) and the first terms of
 * the series of the rest, whose error is below 10⁻¹⁴ of the price. Only where that leaves open to which side it is rounded,
 * once in 10,000 prices at the most, the power is computed.
 */

const STEPS = 1024;
const MAGNITUDES = 6;
/** Many times the error of the largest price, 10⁻⁶ cents. */
const DOUBT = 0.00005;

const powers = Float64Array.from({ length: MAGNITUDES * STEPS + 1 }, (_, step) => 10 ** (step / STEPS));

export function priceOf(double: number): number {
  const exponent = double * MAGNITUDES;
  const step = (exponent * STEPS) | 0;
  const z = (exponent - step / STEPS) * Math.LN10;
  const rest = 1 + z * (1 + z * (1 / 2 + z * (1 / 6 + z * (1 / 24))));
  const price = (powers[step] as number) * rest * 100 + 0.5;
  const whole = Math.floor(price);
  const fraction = price - whole;
  return fraction > DOUBT && fraction < 1 - DOUBT ? whole : exactPrice(double);
}

export function exactPrice(double: number): number {
  return Math.floor(10 ** (double * MAGNITUDES) * 100 + 0.5);
}
