/** What joins have in common: their kinds, and what their functions get. */

import { MillraceError } from "./errors.ts";

export const joinTypes = ["inner", "left", "right", "full"] as const;

/**
 * Which records are emitted though nothing matches them: none, those of the first stream (left), those of the second one
 * (right), or both.
 */
export type JoinType = (typeof joinTypes)[number];

/** What a join's function gets of the first stream: undefined for a record of the second one that nothing matches. */
export type LeftOf<L, J extends JoinType> = L | (J extends "right" | "full" ? undefined : never);

/** What a join's function gets of the second stream: undefined for a record of the first one that nothing matches. */
export type RightOf<R, J extends JoinType> = R | (J extends "left" | "full" ? undefined : never);

/** What all joins need. Methods, so that a stream of clicks stays a stream of unknown records too. */
export interface JoinFunctions<L, R, J extends JoinType, O> {
  /** What else must be true of two records that match. */
  on?(left: L, right: R): boolean;
  /** Makes a result of two records that match, or of one that nothing matches. */
  join(left: LeftOf<L, J>, right: RightOf<R, J>): O;
}

/** Of a join that looks rows up for each record of its first stream: whether one that finds none is kept. @throws BAD_OPTION */
export function keepsUnmatched(type: "inner" | "left" | undefined, operator: string): boolean {
  if (type === undefined || type === "inner" || type === "left") return type === "left";
  throw wrongType(type, ["inner", "left"], operator);
}

/** Whether unmatched records of the first and of the second input are emitted. */
export interface Preserved {
  readonly left: boolean;
  readonly right: boolean;
}

/** @throws BAD_OPTION */
export function preservedBy(type: JoinType, operator: string): Preserved {
  if (!joinTypes.includes(type)) throw wrongType(type, joinTypes, operator);
  return { left: type === "left" || type === "full", right: type === "right" || type === "full" };
}

function wrongType(came: unknown, types: readonly string[], operator: string): MillraceError {
  const message = `type of "${operator}" is ${JSON.stringify(came)}; it must be one of ${types.join(", ")}`;
  return new MillraceError("BAD_OPTION", message, { operator });
}
