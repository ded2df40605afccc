/** A longer array with the same numbers, and with `fill` behind them. */
export function longer<A extends Int32Array | Uint16Array | Uint32Array | Float64Array>(
  array: A,
  length: number,
  fill = 0,
): A {
  const copy = new (array.constructor as new (length: number) => A)(length);
  copy.set(array);
  if (fill !== 0) copy.fill(fill, array.length);
  return copy;
}
