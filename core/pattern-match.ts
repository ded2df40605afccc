/** Looking for a pattern in a keyed stream: what the call takes, and the node that it makes. */

import type { OperatorOptions } from "./environment.ts";
import { MillraceError } from "./errors.ts";
import type { Key, KeySelector } from "./key.ts";
import type { TimerDomain } from "./operator.ts";
import type { PatternSpec, PatternStep } from "./pattern.ts";
import type { OutputTag } from "./side-output.ts";

/** The records of one match. */
export interface PatternMatch<T, Names extends string = string, K extends Key = Key> {
  readonly key: K;
  /** The event times of its first and last record, or the times at which they came. */
  readonly startTime: number;
  readonly endTime: number;
  /** The records that each step took, in order; of a step that took none, an empty list. */
  readonly taken: Readonly<Record<Names, readonly T[]>>;
}

/** A match that had begun and not been completed when its time was over. */
export interface TimedOutMatch<T, Names extends string = string, K extends Key = Key>
  extends PatternMatch<T, Names, K> {
  /** When its time was over. */
  readonly timedOutAt: number;
}

/**
 * What becomes of other matches once one has been found. The first is the default; of the others, matches come out in
 * the order of their beginnings: one that is complete waits as long as an earlier beginning is open, so give the pattern
 * a time `within`.
 *
 *   noSkip             every match comes out
 *   skipToNext         one for each first record
 *   skipPastLastEvent  those that begin behind the last record of the one before
 *   skipToFirst        those that begin at the first record of a step of the one before, or behind
 *   skipToLast         the same with the last record of the step
 */
export type AfterMatch<Names extends string = string> =
  | "noSkip"
  | "skipToNext"
  | "skipPastLastEvent"
  | { readonly skipToFirst: Names }
  | { readonly skipToLast: Names };

export interface PatternOptions<T, Names extends string = string> extends OperatorOptions {
  /** What records are ordered by and times mean: "event", the default, or "processing", the order of coming. */
  readonly time?: TimerDomain;
  readonly afterMatch?: AfterMatch<NoInfer<Names>>;
  /** Gets the matches whose time was over. */
  readonly timedOut?: OutputTag<TimedOutMatch<T>>;
  /** Gets the records that came when the watermark had passed them; without it they are only counted. */
  readonly late?: OutputTag<T>;
}

export interface PatternMatchSpec {
  readonly kind: "pattern";
  readonly key: KeySelector;
  readonly pattern: PatternSpec;
  readonly time: TimerDomain;
  readonly afterMatch: AfterMatch;
  readonly timedOut: OutputTag<unknown> | undefined;
  readonly late: OutputTag<unknown> | undefined;
}

const skipStrategies: readonly AfterMatch[] = ["noSkip", "skipToNext", "skipPastLastEvent"];

/** @throws BAD_OPTION */
export function patternMatchSpec(
  key: KeySelector,
  pattern: PatternSpec,
  options: {
    readonly time?: TimerDomain;
    readonly afterMatch?: AfterMatch;
    readonly timedOut?: OutputTag<unknown>;
    readonly late?: OutputTag<unknown>;
  },
): PatternMatchSpec {
  const { time = "event", afterMatch = "noSkip", timedOut, late } = options;
  if (pattern === undefined) throw new MillraceError("BAD_OPTION", "match expects a pattern that begins with a step");
  checkPattern(pattern);
  const wrong = (what: string): MillraceError => wrongPattern(pattern, what);
  if (time !== "event" && time !== "processing")
    throw wrong(`time must be "event" or "processing", got ${JSON.stringify(time)}`);
  if (typeof afterMatch === "string" && !skipStrategies.includes(afterMatch))
    throw wrong(`afterMatch must be one of ${skipStrategies.join(", ")}, or a step to skip to, got "${afterMatch}"`);
  const skipTo = typeof afterMatch === "string" ? undefined : Object.values(afterMatch)[0];
  if (skipTo !== undefined && !namesOf(pattern.steps).includes(skipTo))
    throw wrong(`it has no step "${skipTo}" to skip to`);
  if (typeof afterMatch === "object" && "skipToFirst" in afterMatch && pattern.steps[0]?.name === skipTo)
    throw wrong(`to skip to the first record of "${skipTo}" would find the same match again`);
  return { kind: "pattern", key, pattern, time, afterMatch, timedOut, late };
}

function checkPattern(pattern: PatternSpec): void {
  const { steps, withinMs } = pattern;
  const names = namesOf(steps);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined)
    throw wrongPattern(pattern, `two of its steps are named "${twice}"; results could not tell them apart`);
  const required = steps.findLastIndex(({ taken, optional }) => taken && !optional);
  const atEnd = steps.slice(required + 1).find(({ taken, contiguity }) => !taken && contiguity === "relaxed");
  if (atEnd !== undefined && withinMs === undefined)
    throw wrongPattern(pattern, `it may end in notFollowedBy("${atEnd.name}"), which needs a time: add within(…)`);
  if (steps.filter(({ taken }) => taken).every(({ optional }) => optional))
    throw wrongPattern(pattern, "all of its steps are optional, so that it would match nothing at all");
  checkGreedy(pattern, steps, true);
}

/** A greedy step ends when one behind it takes a record. */
function checkGreedy(pattern: PatternSpec, steps: readonly PatternStep[], isEnd: boolean): void {
  steps.forEach((step, at) => {
    const behind = steps.slice(at + 1);
    const endsHere = isEnd && behind.every(({ optional, taken }) => optional || !taken);
    if (step.greedy && endsHere && step.max > 1)
      throw wrongPattern(pattern, `"${step.name}" is greedy, so a step that is not optional must follow it`);
    if (step.group !== undefined) {
      if (!step.group.some(({ taken, optional }) => taken && !optional))
        throw wrongPattern(pattern, "a group has optional steps only; make the group optional instead");
      if (step.group.at(-1)?.taken === false)
        throw wrongPattern(pattern, "a group ends in what must not come; let it stand behind the group");
      checkGreedy(pattern, step.group, endsHere);
    }
  });
}

/** The names of all steps that take records, in order. */
export function namesOf(steps: readonly PatternStep[]): readonly string[] {
  return steps.flatMap(({ name, group, taken }) =>
    group !== undefined ? namesOf(group) : taken ? [name as string] : [],
  );
}

function wrongPattern({ name }: PatternSpec, what: string): MillraceError {
  return new MillraceError("BAD_OPTION", `pattern "${name}": ${what}`, { operator: name });
}
