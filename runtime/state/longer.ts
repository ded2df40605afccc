/** A longer array of the same numbers, with zeros behind them. */
export function longer<A extends Int32Array | Uint16Array | Uint32Array | Float64Array>(array: A, length: number): A {
  const copy = new (array.constructor as new (length: number) => A)(length);
  copy.set(array);
  return copy;
}
