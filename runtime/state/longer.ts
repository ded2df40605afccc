type Numbers = Int32Array | Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** Of smaller ones V8 has the memory on its own heap, or it is not worth a call. */
const GIVEN_BACK_MIN_BYTES = 4096;

/** A longer array with the same numbers, and with `fill` behind them. */
export function longer<A extends Numbers>(array: A, length: number, fill = 0): A {
  const copy = new (array.constructor as new (length: number) => A)(length);
  copy.set(array);
  if (fill !== 0) copy.fill(fill, array.length);
  return copy;
}

/** The same in the place of the array, which nobody must use any more: it has no numbers from now on. */
export function lengthened<A extends Numbers>(array: A, length: number, fill = 0): A {
  const copy = longer(array, length, fill);
  giveBack(array);
  return copy;
}

/** Its memory can be used at once, where the collector would come to it late. REQUIRES: nobody uses it any more. */
export function giveBack(array: Numbers): void {
  if (array.byteLength >= GIVEN_BACK_MIN_BYTES && array.buffer instanceof ArrayBuffer) array.buffer.transfer(0);
}
