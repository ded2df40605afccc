/** A record in an error message: its contents where the job allows it, else its shape only, since records hold secrets. */

import { inspect } from "node:util";

const lengthMax = 500;

export function describeRecord(value: unknown, showContents: boolean): string {
  const text = showContents
    ? inspect(value, { depth: 4, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 200 })
    : shapeOf(value, 0);
  return text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text;
}

function shapeOf(value: unknown, depth: number): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `array of ${value.length}`;
  if (typeof value !== "object") return typeof value;
  if (depth > 1) return "object";
  const name = value.constructor?.name;
  if (name !== undefined && name !== "Object") return name;
  const fields = Object.entries(value).map(([field, inner]) => `${field}: ${shapeOf(inner, depth + 1)}`);
  return `{ ${fields.join(", ")} }`;
}
