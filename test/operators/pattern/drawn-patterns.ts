/** Random patterns and streams of letters, and a drawn pattern as a program writes it. */

import fc from "fast-check";
import { type AfterMatch, type Pattern, type PatternMatch, pattern } from "../../../index.ts";
import type { Drawn, DrawnPattern, Event, Letter, Near } from "./reference.ts";

const near = fc.constantFrom<Near>("strict", "relaxed", "any");
const letters = fc.constantFrom("a", "b", "c", "ab", "bc", "abc");

const single = fc.record({
  name: fc.constant(""),
  taken: fc.constant(true),
  ...{ near, letters },
  changes: fc.boolean(),
  quantity: fc.constantFrom(
    [1, 1],
    [1, 1],
    [2, 2],
    [1, 2],
    [2, 3],
    [1, Number.POSITIVE_INFINITY],
    [2, Number.POSITIVE_INFINITY],
  ),
  optional: fc.boolean(),
  greedy: fc.boolean(),
  inner: near,
  until: fc.option(fc.constantFrom("b", "c"), { nil: undefined }),
  withinPrevious: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined, freq: 4 }),
});

const not = fc.record({
  near: fc.constantFrom<Near>("strict", "relaxed"),
  letters: fc.constantFrom("a", "b", "c", "d"),
});

type Single = typeof single extends fc.Arbitrary<infer T> ? T : never;

function stepOf({ quantity: [min = 1, max = 1], ...rest }: Single, name: string): Drawn {
  const until = max === Number.POSITIVE_INFINITY ? rest.until : undefined;
  return { ...rest, ...{ name, min, max, until, group: undefined }, changes: rest.changes && max > 1 };
}

/** Patterns that a program may write: what is refused is made over. */
export const drawnPattern: fc.Arbitrary<DrawnPattern> = fc
  .record({
    steps: fc.array(single, { minLength: 1, maxLength: 3 }),
    nots: fc.array(fc.option(not, { nil: undefined, freq: 2 }), { minLength: 3, maxLength: 3 }),
    groupOf: fc.option(fc.record({ size: fc.integer({ min: 1, max: 2 }), quantity: single }), {
      nil: undefined,
      freq: 2,
    }),
    within: fc.option(fc.integer({ min: 2, max: 8 }), { nil: undefined }),
  })
  .map(({ steps, nots, groupOf, within }) => {
    const all = steps.map((step, i) => stepOf(step, "ABC"[i] as string));
    const grouped =
      groupOf === undefined || groupOf.size > all.length ? all : withGroup(all, groupOf.size, groupOf.quantity);
    const last = grouped.length - 1;
    const settled = grouped.map(
      (step, i): Drawn => ({
        ...step,
        near: i === 0 ? "relaxed" : step.near,
        optional:
          step.optional &&
          (i < last || grouped.length > 1) &&
          !(i === 0 && grouped.slice(1).every(({ optional }) => optional)),
        greedy: step.greedy && step.group === undefined && grouped.slice(i + 1).some(({ optional }) => !optional),
      }),
    );
    const withNots = settled.flatMap((step, i): readonly Drawn[] => {
      const forbidden = nots[i];
      const behind = settled[i + 1];
      const isGreedy = step.greedy || behind?.greedy === true || settled.slice(0, i).some(({ greedy }) => greedy);
      if (
        forbidden === undefined ||
        isGreedy ||
        (settled.slice(i + 1).every(({ optional }) => optional) && forbidden.near === "relaxed" && within === undefined)
      )
        return [step];
      return [step, { ...step, ...forbidden, name: `not${i}`, taken: false, changes: false, group: undefined }];
    });
    return { steps: withNots, within };
  });

/** The first steps as a group, which repeats as another step was to. */
function withGroup(steps: readonly Drawn[], size: number, quantity: Single): readonly Drawn[] {
  const group = steps.slice(0, size).map(
    (step, i): Drawn => ({
      ...step,
      near: i === 0 ? "relaxed" : step.near,
      greedy: false,
      optional: step.optional && i > 0,
    }),
  );
  const whole = { ...stepOf(quantity, "group"), greedy: false, until: undefined, letters: "", changes: false, group };
  return [whole, ...steps.slice(size)];
}

export const drawnEvents: fc.Arbitrary<readonly Event[]> = fc
  .array(
    fc.tuple(
      fc.constantFrom("a", "a", "b", "b", "c", "d"),
      fc.integer({ min: 0, max: 1 }),
      fc.integer({ min: 0, max: 2 }),
    ),
    { maxLength: 7 },
  )
  .map((all) => {
    let time = 0;
    return all.map(([letter, n, later]) => {
      time += later;
      return { value: { letter, n }, time };
    });
  });

export const drawnAfterMatch: fc.Arbitrary<AfterMatch> = fc.constantFrom<AfterMatch>(
  "noSkip",
  "skipToNext",
  "skipPastLastEvent",
  { skipToFirst: "B" },
  { skipToLast: "B" },
  { skipToLast: "A" },
);

/** The drawn pattern by the fluent calls. */
export function written({ steps, within }: DrawnPattern, name = "letters"): Pattern<Letter, string> {
  let result: Pattern<Letter, string> | undefined;
  for (const step of steps) {
    const content = step.group === undefined ? step.name : written({ steps: step.group, within: undefined }, step.name);
    result = withQuantity(begunWith(result, step, content, name), step);
  }
  const whole = result as Pattern<Letter, string>;
  return within === undefined ? whole : whole.within({ milliseconds: within });
}

function begunWith(
  before: Pattern<Letter, string> | undefined,
  { taken, near: nearness, letters: fitting, changes, group, name: step }: Drawn,
  content: string | Pattern<Letter, string>,
  name: string,
): Pattern<Letter, string> {
  const with_ = (): Pattern<Letter, string> => {
    if (before === undefined) return pattern<Letter>(name).begin(content);
    if (!taken) return nearness === "strict" ? before.notNext(step) : before.notFollowedBy(step);
    if (nearness === "strict") return before.next(content);
    return nearness === "relaxed" ? before.followedBy(content) : before.followedByAny(content);
  };
  if (group !== undefined) return with_();
  const conditioned = with_().where(({ letter }) => fitting.includes(letter));
  return changes ? conditioned.where(({ n }, takenSoFar) => takenSoFar.of(step).at(-1)?.n !== n) : conditioned;
}

function withQuantity(step: Pattern<Letter, string>, drawn: Drawn): Pattern<Letter, string> {
  const { taken, min, max, optional, greedy, inner, until, withinPrevious } = drawn;
  if (!taken) return step;
  let result = max === Number.POSITIVE_INFINITY ? step.timesOrMore(min) : step.times(min, max);
  if (optional) result = result.optional();
  if (greedy) result = result.greedy();
  if (inner === "strict") result = result.consecutive();
  if (inner === "any") result = result.allowCombinations();
  if (until !== undefined) result = result.until(({ letter }) => letter === until);
  return withinPrevious === undefined
    ? result
    : result.within({ milliseconds: withinPrevious }, { sincePrevious: true });
}

/** A match as the reference writes it: each record's step and place in the stream, in order. */
export function textOf({ taken }: PatternMatch<Letter & { readonly at?: number }, string>): string {
  return Object.entries(taken)
    .flatMap(([name, records]) => records.map(({ at }) => [name, at as number] as const))
    .toSorted(([, a], [, b]) => a - b)
    .map(([name, at]) => `${name}${at}`)
    .join(" ");
}
