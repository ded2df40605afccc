/** What libraries decode, as plain data, which is all that can travel between subtasks. */

/** Copies objects of classes and bytes; scalars and texts are as they are. */
export function plainValue(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value as Uint8Array);
  if (Array.isArray(value)) return value.map(plainValue);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plainValue(part)]));
}
