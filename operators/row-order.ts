/** The order of a top-N: by score, of equal scores the earlier row first. */

import { MillraceError } from "../core/errors.ts";
import type { OperatorContext } from "../core/operator.ts";
import type { Score, TopNSpec } from "../core/top-n.ts";

export interface RowOrder {
  /** Whether the first stands strictly before the second. */
  readonly isBetter: (row: unknown, other: unknown) => boolean;
}

export function rowOrder(
  { scoreOf, descending }: Pick<TopNSpec, "scoreOf" | "descending">,
  context: OperatorContext,
): RowOrder {
  const score = (row: unknown): Score => {
    try {
      const found = scoreOf(row);
      if (found === undefined || found === null || found !== found) throw noScore(context.operator, found);
      return found;
    } catch (error) {
      throw context.failure(error, row);
    }
  };
  return {
    isBetter: descending ? (row, other) => score(row) > score(other) : (row, other) => score(row) < score(other),
  };
}

function noScore(operator: string, came: unknown): MillraceError {
  const message = `topN "${operator}" cannot order a record by ${String(came)}; filter such records out or order by something that all of them have`;
  return new MillraceError("WRONG_SHAPE", message, { operator });
}
