/** All cases of the operator benchmark. A family of operators has a file of its own; add it here. */

import { aggregateCases } from "./aggregates.ts";
import { asyncCases } from "./async.ts";
import { joins } from "./joins.ts";
import { keyed } from "./keyed.ts";
import type { OperatorCase } from "./operator-case.ts";
import { plain } from "./plain.ts";
import { windows } from "./windows.ts";

export const cases: readonly OperatorCase[] = [
  ...plain,
  ...keyed,
  ...windows,
  ...aggregateCases,
  ...joins,
  ...asyncCases,
];

/** @throws when no case has the name: a bound or an argument is mistyped. */
export function caseNamed(name: string): OperatorCase {
  const found = cases.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no case "${name}" in bench/operators/cases.ts`);
  return found;
}
