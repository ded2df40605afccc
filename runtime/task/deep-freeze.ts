/** Freezes a record with all that it holds, so that a test finds who changes records after emitting them. */

/** REQUIRES: plain data without cycles, which may be frozen in part already. Arrays of bytes cannot be frozen. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}
