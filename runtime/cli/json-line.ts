/** Anything that a job can hold as one line of JSON: bigints as strings of digits, infinities and NaN as null. */

export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? inner.toString() : inner)) ?? "null"}\n`;
}
