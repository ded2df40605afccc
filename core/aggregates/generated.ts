/** Code generated for the parts of an aggregate: in closures over its parts all aggregates would share what V8 learns. */

import type { Aggregate } from "../aggregate.ts";

/** Parts with the names of their results, in their order. */
export type NamedParts<I> = readonly (readonly [string, Aggregate<I, unknown, unknown>])[];

/** A function of generated code, in which the given values have these names. */
export function generated(
  parameters: string,
  lines: readonly string[],
  given: Readonly<Record<string, unknown>>,
): unknown {
  const body = `"use strict"; return function (${parameters}) {\n${lines.join("\n")}\n};`;
  return new Function(...Object.keys(given), body)(...Object.values(given));
}

/** Values under the names `${name}0`, `${name}1`, … */
export function numbered(name: string, values: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(values.map((value, i) => [`${name}${i}`, value]));
}

/** A function that gives an object with a result for each part, by an expression in which `part${i}` is part i. */
export function resultsBy<I>(
  parameters: string,
  parts: NamedParts<I>,
  expressionOf: (part: number) => string,
): (accumulator: never) => unknown {
  // Written without brackets, `__proto__` would not name a field.
  const fields = parts.map(
    ([name], p) => `${name === "__proto__" ? '["__proto__"]' : JSON.stringify(name)}: ${expressionOf(p)}`,
  );
  const given = numbered(
    "part",
    parts.map(([, part]) => part),
  );
  return generated(parameters, [`return { ${fields.join(", ")} };`], given) as (accumulator: never) => unknown;
}

/** The array of some columns' numbers. */
export function columnsFrom(from: number, count: number): string {
  return `[${Array.from({ length: count }, (_, i) => `numbers[${from + i}]`).join(", ")}]`;
}
