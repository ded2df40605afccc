/** Growable typed columns: state is kept in few long arrays, because thousands of small ones cost a cache miss each. */

type Column = Float64Array | Float32Array | Int32Array | Uint16Array | Uint8Array;

/** The same column with room for `length` cells; new cells hold `fill`. */
export function grown<T extends Column>(column: T, length: number, fill = 0): T {
  if (length <= column.length) return column;
  const larger = new (column.constructor as new (length: number) => T)(Math.max(length, column.length * 2));
  larger.set(column);
  if (fill !== 0) larger.fill(fill, column.length);
  return larger;
}
