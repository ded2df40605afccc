/**
 * A parser for the records of one layout, generated as code.
 *
 * The law: what it returns equals what JSON.parse makes of the same bytes, and where it is not sure it returns undefined.
 * So it demands every byte between the values to be as in the layout, takes the two usual kinds of values itself, and gives
 * the bytes of every other value to JSON.parse: numbers of more than 15 digits or with an exponent, texts with escapes or
 * beyond ASCII, arrays, and null where a number was. Values that are JSON, between what stands between values, are JSON.
 *
 *   1. the bytes before a value are compared
 *   2. a string is passed over up to its quote, a number is summed up; n digits behind the point divide the sum by 10^n,
 *      which rounds as JSON.parse does, since both are exact below 2^53
 *   3. when all has matched, strings are made as parts of one text, and all is put into one object of a known shape
 */

import type { Layout, Shape, Slot } from "./layout.ts";
import { otherValue, PLAIN, POWERS_OF_TEN } from "./values.ts";

/** Undefined: the bytes are not of the layout, or not JSON. */
export type ParseBytes = (bytes: Buffer, start: number, end: number) => unknown;

/** Digits that a sum below 2^53 may have. */
const DIGITS_MAX = 15;

export function generateParser(layout: Layout): ParseBytes {
  const code = parserCode(layout);
  return new Function("PLAIN", "POWERS_OF_TEN", "other", code)(PLAIN, POWERS_OF_TEN, otherValue) as ParseBytes;
}

/** The body of a function that returns the parser. */
function parserCode({ literals, slots, shape }: Layout): string {
  const steps = slots.map((slot, index) => literalCode(literals[index] as string) + slotCode(slot, index));
  return `"use strict";
const found = { value: undefined, end: 0 };
return function parse(bytes, start, end) {
  let at = start, from = 0, sum = 0, digits = 0, digit = 0, point = 0, negative = false;
${steps.join("")}${literalCode(literals.at(-1) as string)}
  if (at !== end) return undefined;
${textCode(slots)}  return ${objectCode(shape)};
};`;
}

function literalCode(literal: string): string {
  if (literal === "") return "";
  const wrong = Array.from(Buffer.from(literal), (byte, index) => `bytes[at + ${index}] !== ${byte}`);
  return `  if (${wrong.join(" || ")}) return undefined;\n  at += ${wrong.length};\n`;
}

function slotCode(slot: Slot, index: number): string {
  const declared = `  let value${index};\n`;
  if (slot === "other") return `${declared}${otherCode(index)}`;
  return `${declared}${slot === "string" ? stringCode(index) : numberCode(index)}  else ${otherCode(index)}`;
}

/** What is no plain string or number of this slot. */
function otherCode(index: number): string {
  return `{
    if (!other(bytes, at, end, found)) return undefined;
    value${index} = found.value;
    at = found.end;
  }
`;
}

/** A plain string leaves its place, and its value for later. */
function stringCode(index: number): string {
  return `  let from${index} = -1, to${index} = -1;
  from = at + 1;
  digits = bytes[at] === 34 ? from : end;
  while (digits < end && PLAIN[bytes[digits]] === 1) digits++;
  if (digits < end && bytes[digits] === 34) {
    from${index} = from;
    to${index} = digits;
    at = digits + 1;
  }
`;
}

/** A number leaves its value, if it is one of so few digits that the sum of them is exact. */
function numberCode(index: number): string {
  return `  let scale${index} = 0;
  negative = bytes[at] === 45;
  from = negative ? at + 1 : at;
  sum = 0;
  for (digits = from; (digit = bytes[digits] - 48) >= 0 && digit <= 9; digits++) sum = sum * 10 + digit;
  if (digits !== from && bytes[digits] === 46) {
    point = ++digits;
    for (; (digit = bytes[digits] - 48) >= 0 && digit <= 9; digits++) sum = sum * 10 + digit;
    scale${index} = digits - point;
    if (scale${index} === 0) return undefined;
  }
  if (
    digits !== from && digits - from <= ${DIGITS_MAX} && (bytes[digits] | 32) !== 101 &&
    (bytes[from] !== 48 || digits === from + 1 || bytes[from + 1] === 46)
  ) {
    if (scale${index} !== 0) sum /= POWERS_OF_TEN[scale${index}];
    value${index} = negative ? -sum : sum;
    at = digits;
  }
`;
}

function textCode(slots: readonly Slot[]): string {
  const strings = slots.flatMap((slot, index) => (slot === "string" ? [index] : []));
  if (strings.length === 0) return "";
  const places = strings.map((index) => {
    return `  if (from${index} >= 0) value${index} = text.substring(from${index} - start, to${index} - start);\n`;
  });
  return `  const text = bytes.latin1Slice(start, end);\n${places.join("")}`;
}

function objectCode(shape: Shape): string {
  const fields = shape.map(([name, part]) => {
    return `${JSON.stringify(name)}: ${typeof part === "number" ? `value${part}` : objectCode(part)}`;
  });
  return `{ ${fields.join(", ")} }`;
}
