/**
 * The structural hash of a program: equal for graphs of the same operators, edges and plain parameters. Functions count
 * by their source text, objects of a class by their fields and their class's text.
 *
 * Planning compares two builds by it, and a slot the graph that it has built with the one that was submitted.
 */

import { createHash } from "node:crypto";
import type { StreamGraph } from "../../core/stream-graph.ts";

export function structuralHash(graph: StreamGraph): string {
  const hash = createHash("sha256");
  for (const node of graph.nodes) hash.update(`${JSON.stringify(tagged(node, new Map()))}\n`);
  return hash.digest("hex").slice(0, 16);
}

/** The value as JSON in which different values differ: strings, booleans and null as they are, all else behind a tag. */
function tagged(value: unknown, seen: Map<object, number>): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Object.is(value, -0) ? ["number", "-0"] : ["number", String(value)];
    case "function":
      return ["function", value.toString()];
    case "object":
      return value === null ? null : taggedObject(value, seen);
    default:
      return [typeof value, String(value)];
  }
}

function taggedObject(value: object, seen: Map<object, number>): unknown {
  // What was met before is named by its number: so cycles end, and shared parts are walked over once.
  const number = seen.get(value);
  if (number !== undefined) return ["again", number];
  seen.set(value, seen.size);
  if (Array.isArray(value)) return ["array", ...value.map((element) => tagged(element, seen))];
  if (value instanceof Date) return ["date", String(value.getTime())];
  if (value instanceof RegExp) return ["regexp", String(value)];
  if (value instanceof Map || value instanceof Set)
    return [value instanceof Map ? "map" : "set", ...Array.from(value, (entry) => tagged(entry, seen))];
  if (ArrayBuffer.isView(value))
    return [value.constructor.name, Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")];
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return ["object", classOf(value), ...fields.map(([name, field]) => [name, tagged(field, seen)])];
}

function classOf(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return "";
  return String((prototype as { readonly constructor: unknown }).constructor);
}
