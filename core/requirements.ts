/** What operators require of the worker that runs them, by the worker's labels: `{ gpu: true, zone: "a" }`. */

import { MillraceError } from "./errors.ts";
import type { OperatorId } from "./ids.ts";

export type LabelValue = string | number | boolean;
export type Requirements = Readonly<Record<string, LabelValue>>;

/** What requires something, as far as joining looks at it. */
export interface Requiring {
  readonly id: OperatorId;
  readonly requires: Requirements | undefined;
}

/** A frozen copy. @throws BAD_OPTION when a value is no text, finite number or boolean. */
export function checkedRequirements(requirements: Requirements, operator: string): Requirements {
  for (const [label, value] of Object.entries(requirements)) {
    const known = typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
    if (label !== "" && known) continue;
    throw new MillraceError(
      "BAD_OPTION",
      `"${operator}" requires ${JSON.stringify(label)}: ${String(value)} of its worker; a label has a name, and a text, a finite number or a boolean as its value`,
      { operator },
    );
  }
  return Object.freeze({ ...requirements });
}

/**
 * What a worker must have that runs all of them in one chain, or undefined when they require nothing.
 * @throws REQUIREMENTS when two require different values of one label: no worker has both.
 */
export function joinedRequirements(operators: readonly Requiring[]): Requirements | undefined {
  const joined = new Map<string, { readonly value: LabelValue; readonly by: OperatorId }>();
  for (const { id, requires = {} } of operators) {
    for (const [label, value] of Object.entries(requires)) {
      const first = joined.get(label);
      if (first !== undefined && first.value !== value)
        throw contradiction(label, [first.by, first.value], [id, value]);
      if (first === undefined) joined.set(label, { value, by: id });
    }
  }
  if (joined.size === 0) return undefined;
  return Object.freeze(Object.fromEntries([...joined].map(([label, { value }]) => [label, value])));
}

type Wanted = readonly [operator: OperatorId, value: LabelValue];

function contradiction(label: string, [first, one]: Wanted, [second, other]: Wanted): MillraceError {
  const wants = `"${first}" requires ${label}=${JSON.stringify(one)} and "${second}" ${label}=${JSON.stringify(other)}`;
  const remedy = "require the same of both, or separate them by rebalance() and a parallelism above 1";
  return new MillraceError("REQUIREMENTS", `${wants}, but they run in one chain on one worker; ${remedy}`, {
    operator: second,
  });
}
