/**
 * Patterns over the records of a key: sequences of steps, as data. `operators/pattern` finds their matches.
 *
 * The law: a match takes records in their order. Each step says how near its record must follow the one before:
 *
 *   next           it is the very next record of the key
 *   followedBy     it is the next one for which the step's condition is true; others in between are skipped
 *   followedByAny  it is any later one for which it is true
 *
 * and how many records it takes. These and everything below mean what they mean in Flink's CEP library.
 */

import { MillraceError } from "./errors.ts";
import { PATTERN_TIMES_MAX } from "./limits.ts";
import { type Duration, positiveDurationMs } from "./time.ts";
import { checkFunctions } from "./user-function.ts";

export type Contiguity = "strict" | "relaxed" | "any";

/** What the match at hand has taken so far. */
export interface TakenSoFar<T> {
  /** The records that the step has taken, in order. */
  of(step: string): readonly T[];
}

/** Whether a step takes a record, given what the match has taken so far. */
export type PatternCondition<T> = (value: T, taken: TakenSoFar<T>) => boolean;

/** A step, as data. */
export interface PatternStep {
  /** Absent for a group. */
  readonly name: string | undefined;
  /** Absent for a single step. */
  readonly group: readonly PatternStep[] | undefined;
  /** Whether its records are taken, or must not come. */
  readonly taken: boolean;
  readonly contiguity: Contiguity;
  /** Joined from left to right; without any every record fits. */
  readonly conditions: readonly { readonly join: "and" | "or"; readonly fits: PatternCondition<never> }[];
  readonly min: number;
  /** Infinity: no limit. */
  readonly max: number;
  readonly optional: boolean;
  readonly greedy: boolean;
  /** Between the records of one step, or between the rounds of a group. */
  readonly inner: Contiguity;
  readonly until: PatternCondition<never> | undefined;
  /** The longest time since the record that was taken before. */
  readonly withinPreviousMs: number | undefined;
}

export interface PatternSpec {
  readonly name: string;
  readonly steps: readonly PatternStep[];
  /** The longest time from the first record to the last. */
  readonly withinMs: number | undefined;
}

/** A pattern whose first step is missing. */
export interface PatternStart<T> {
  /** The first step, or group of steps. */
  begin<const N extends string>(step: N | Pattern<T, N>): Pattern<T, N>;
}

/**
 * Begins a pattern; operators that look for it have its name.
 *
 *   pattern<Login>("break-in")
 *     .begin("failures").where((login) => !login.ok).timesOrMore(3).consecutive()
 *     .next("success").where((login) => login.ok)
 *     .within("10m")
 */
export function pattern<T>(name: string): PatternStart<T> {
  return {
    begin: <const N extends string>(step: N | Pattern<T, N>) =>
      new Pattern<T, N>({ name, steps: [newStep(name, step, "relaxed", true)], withinMs: undefined }),
  };
}

export class Pattern<T, out Names extends string> {
  readonly spec: PatternSpec;
  /** Carries the names for inference; never set. */
  declare readonly names?: Names;

  constructor(spec: PatternSpec) {
    this.spec = Object.freeze(spec);
  }

  /** A step whose record is the very next one. */
  next<const N extends string>(step: N | Pattern<T, N>): Pattern<T, Names | N> {
    return this.#followed(step, "strict", true);
  }

  /** A step whose record is the next one that fits. */
  followedBy<const N extends string>(step: N | Pattern<T, N>): Pattern<T, Names | N> {
    return this.#followed(step, "relaxed", true);
  }

  /** A step whose record is any later one that fits: a match for each of them. */
  followedByAny<const N extends string>(step: N | Pattern<T, N>): Pattern<T, Names | N> {
    return this.#followed(step, "any", true);
  }

  /** The very next record does not fit. At the end of a pattern, that record completes the match. */
  notNext(step: string): Pattern<T, Names> {
    return this.#followed(step as Names, "strict", false);
  }

  /** No record fits until the next step takes one, or, at the end of a pattern, until its time `within` is over. */
  notFollowedBy(step: string): Pattern<T, Names> {
    return this.#followed(step as Names, "relaxed", false);
  }

  /** What a record has to be that the last step takes; several must all be true. */
  where<U extends T>(condition: (value: T, taken: TakenSoFar<T>) => value is U & T): Pattern<T, Names>;
  where(condition: PatternCondition<T>): Pattern<T, Names>;
  where(condition: PatternCondition<T>): Pattern<T, Names> {
    return this.#conditioned("and", condition);
  }

  /** Or it is this, in place of all that stands before. */
  or(condition: PatternCondition<T>): Pattern<T, Names> {
    return this.#conditioned("or", condition);
  }

  /** The last step takes so many records, or from so many to so many. */
  times(from: number, to = from): Pattern<T, Names> {
    const whole = [from, to].every((n) => Number.isInteger(n) && n <= PATTERN_TIMES_MAX);
    if (!whole || from < 0 || to < Math.max(1, from))
      throw this.#wrong(
        `times(${from}, ${to}); it needs whole numbers, the second of at least 1 and the first, up to ${PATTERN_TIMES_MAX}`,
      );
    return from === 0 ? this.#last({ min: 1, max: to, optional: true }) : this.#last({ min: from, max: to });
  }

  /** The last step takes so many records or more. */
  timesOrMore(from: number): Pattern<T, Names> {
    return this.times(from, Math.max(1, from)).#last({ max: Number.POSITIVE_INFINITY });
  }

  /** The last step takes one record or more. */
  oneOrMore(): Pattern<T, Names> {
    return this.timesOrMore(1);
  }

  /** There may be no record of the last step. */
  optional(): Pattern<T, Names> {
    return this.#last({ optional: true });
  }

  /** The last step takes as many records as it can: what it could take, the step behind it cannot. */
  greedy(): Pattern<T, Names> {
    if (this.#step.group !== undefined) throw this.#wrong("greedy() of a group; only single steps can be greedy");
    return this.#last({ greedy: true });
  }

  /** The records of the last step follow each other directly. */
  consecutive(): Pattern<T, Names> {
    return this.#last({ inner: "strict" });
  }

  /** The records of the last step are any later ones that fit: a match for each choice of them. */
  allowCombinations(): Pattern<T, Names> {
    return this.#last({ inner: "any" });
  }

  /** The last step takes no more records from the first one on for which this is true, which it does not take. */
  until(condition: PatternCondition<T>): Pattern<T, Names> {
    if (this.#step.max !== Number.POSITIVE_INFINITY)
      throw this.#wrong("until() of a step that is not oneOrMore() or timesOrMore()");
    return this.#last({ until: this.#checked("until", condition) });
  }

  /**
   * The longest time that a match takes from its first record to its last, or with { sincePrevious: true } between the last
   * step's record and the one before. What takes longer is timed out.
   */
  within(duration: Duration, { sincePrevious = false }: { readonly sincePrevious?: boolean } = {}): Pattern<T, Names> {
    const ms = positiveDurationMs(duration, `within of pattern "${this.spec.name}"`);
    return sincePrevious ? this.#last({ withinPreviousMs: ms }) : new Pattern({ ...this.spec, withinMs: ms });
  }

  get #step(): PatternStep {
    return this.spec.steps.at(-1) as PatternStep;
  }

  #followed<N extends string>(step: N | Pattern<T, N>, contiguity: Contiguity, taken: boolean): Pattern<T, Names | N> {
    const steps = [...this.spec.steps, newStep(this.spec.name, step, contiguity, taken)];
    return new Pattern({ ...this.spec, steps });
  }

  #conditioned(join: "and" | "or", fits: PatternCondition<T>): Pattern<T, Names> {
    if (this.#step.group !== undefined) throw this.#wrong("a condition of a group; give it to the group's steps");
    return this.#last({
      conditions: [...this.#step.conditions, { join, fits: this.#checked(join === "and" ? "where" : "or", fits) }],
    });
  }

  #checked(what: string, condition: PatternCondition<T>): PatternCondition<never> {
    checkFunctions(this.spec.name, { [what]: condition }, [what]);
    return condition;
  }

  #last(change: Partial<PatternStep>): Pattern<T, Names> {
    const last = this.#step;
    const quantifies = Object.keys(change).some((name) => name !== "conditions");
    if (!last.taken && quantifies) throw this.#wrong(`a quantifier of "${last.name}", of which no record comes`);
    return new Pattern({
      ...this.spec,
      steps: [...this.spec.steps.slice(0, -1), Object.freeze({ ...last, ...change })],
    });
  }

  #wrong(what: string): MillraceError {
    return new MillraceError("BAD_OPTION", `pattern "${this.spec.name}" has ${what}`, { operator: this.spec.name });
  }
}

function newStep(
  pattern: string,
  step: string | { readonly spec: PatternSpec },
  contiguity: Contiguity,
  taken: boolean,
): PatternStep {
  const group = typeof step === "string" ? undefined : step.spec;
  if (group?.withinMs !== undefined) {
    const message = `the group "${group.name}" in pattern "${pattern}" has a time of its own; give within to the whole pattern`;
    throw new MillraceError("BAD_OPTION", message, { operator: pattern });
  }
  return Object.freeze({
    name: typeof step === "string" ? step : undefined,
    group: group?.steps,
    ...{ taken, contiguity, conditions: [], min: 1, max: 1, optional: false, greedy: false },
    inner: "relaxed",
    until: undefined,
    withinPreviousMs: undefined,
  });
}
