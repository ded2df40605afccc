/** An upgrade's decisions as people read them, in `millrace diff` and in what refuses a submission. */

import type { StateDecision } from "./upgrade.ts";

/** A line for each state, and behind what has changed lines of its own. */
export function upgradeText(decisions: readonly StateDecision[]): string {
  if (decisions.length === 0) return "  no state";
  const names = decisions.map(
    ({ operator, state, was }) => `${operator}/${state}${was === undefined ? "" : ` (was ${was})`}`,
  );
  const width = Math.max(...names.map((name) => name.length));
  const kinds = Math.max(...decisions.map(({ kind }) => kind.length));
  return decisions.flatMap((decision, at) => linesOf(decision, (names[at] as string).padEnd(width), kinds)).join("\n");
}

function linesOf({ kind, outcome, changes, advice }: StateDecision, name: string, kinds: number): readonly string[] {
  const indent = "      ";
  return [
    `  ${outcome.padEnd(9)}  ${name}  ${kind.padEnd(kinds)}`.trimEnd(),
    ...changes.map((change) => `${indent}${change}`),
    ...(advice === undefined ? [] : [`${indent}→ ${advice}`]),
  ];
}

/** How many states go which way, such as "2 kept, 1 refused". */
export function outcomesText(decisions: readonly StateDecision[]): string {
  const counts = Map.groupBy(decisions, ({ outcome }) => outcome);
  return [...counts].map(([outcome, { length }]) => `${length} ${outcome}`).join(", ") || "no state";
}
