/**
 * Patterns in a few plain lines, to hold the operator against: every way to read the pattern as a list of single records is
 * written out, and every choice of records is tried against it. No automaton, nothing incremental.
 */

import type { AfterMatch } from "../../../index.ts";

export interface Letter {
  readonly letter: string;
  readonly n: number;
}

export type Near = "strict" | "relaxed" | "any";

/** A step of a pattern as random tests draw it. */
export interface Drawn {
  readonly name: string;
  readonly taken: boolean;
  readonly near: Near;
  /** The letters that fit. */
  readonly letters: string;
  /** Whether a record must also have another number than the last one that was taken by a step of the same name. */
  readonly changes: boolean;
  readonly min: number;
  readonly max: number;
  readonly optional: boolean;
  readonly greedy: boolean;
  readonly inner: Near;
  readonly until: string | undefined;
  readonly withinPrevious: number | undefined;
  readonly group: readonly Drawn[] | undefined;
}

export interface DrawnPattern {
  readonly steps: readonly Drawn[];
  readonly within: number | undefined;
}

export interface Event {
  readonly value: Letter;
  readonly time: number;
}

/** One record that a match takes, and how. */
interface Slot {
  readonly name: string;
  readonly near: Near;
  readonly fits: Fits;
  readonly until: string | undefined;
  readonly notNext: readonly string[];
  readonly notUntil: readonly string[];
  readonly greedy: readonly Greedy[];
  readonly withinPrevious: number;
}

type Fits = (value: Letter, taken: readonly Letter[]) => boolean;

/** A greedy step that was left or passed over: it must not have been able to take what came. */
interface Greedy {
  readonly name: string;
  readonly near: Near;
  readonly fits: Fits;
  readonly until: string | undefined;
  readonly withinPrevious: number;
}

interface Reading {
  readonly slots: readonly Slot[];
  readonly notNext: readonly string[];
  readonly notUntil: readonly string[];
  readonly greedy: readonly Greedy[];
}

export interface Found {
  /** The step and the number of each record that it takes. */
  readonly records: readonly (readonly [string, number])[];
  readonly ended: number;
}

const nothing: Reading = { slots: [], notNext: [], notUntil: [], greedy: [] };

/** All matches, in the order in which they come out. */
export function referenceMatches(
  { steps, within }: DrawnPattern,
  events: readonly Event[],
  after: AfterMatch,
): string[] {
  const readings = readingsOf(steps, [nothing], events.length).filter(({ slots }) => slots.length > 0);
  const found = readings.flatMap((reading) => [...choices(reading, events, within ?? Number.POSITIVE_INFINITY)]);
  return skipped(found, after).map(({ records }) => records.map(([name, at]) => `${name}${at}`).join(" "));
}

function readingsOf(steps: readonly Drawn[], begun: readonly Reading[], longest: number): readonly Reading[] {
  return steps.reduce<readonly Reading[]>((readings, step, at) => {
    if (!step.taken) {
      const not = (reading: Reading): Reading =>
        step.near === "strict"
          ? { ...reading, notNext: [...reading.notNext, step.letters] }
          : { ...reading, notUntil: [...reading.notUntil, step.letters] };
      return readings.map(not);
    }
    const behind = steps[at + 1];
    const forbidden = behind !== undefined && !behind.taken && behind.near === "relaxed" ? [behind.letters] : [];
    return readings.flatMap((reading) => repeated(step, reading, forbidden, longest));
  }, begun);
}

/** The reading with every number of rounds of the step behind it. */
function repeated(step: Drawn, reading: Reading, forbidden: readonly string[], longest: number): readonly Reading[] {
  const results: Reading[] = [];
  const again = (round: number): Greedy => ({
    name: step.name,
    near: round === 0 ? step.near : step.inner,
    fits: round === 0 ? (value, taken) => value.letter !== step.until && fitsOf(step)(value, taken) : fitsOf(step),
    until: round === 0 ? undefined : step.until,
    withinPrevious: step.withinPrevious ?? Number.POSITIVE_INFINITY,
  });
  if (step.optional) results.push(step.greedy ? { ...reading, greedy: [...reading.greedy, again(0)] } : reading);
  let open: readonly Reading[] = [reading];
  for (let round = 1; round <= step.max && open.length > 0; round++) {
    open = open
      .flatMap((each) => {
        const entered = round === 1 ? each : { ...each, notUntil: [...each.notUntil, ...forbidden] };
        return once(step, entered, round > 1, longest);
      })
      .filter(({ slots }) => slots.length <= longest);
    if (round < step.min) continue;
    const isLast = round === step.max;
    results.push(...open.map((each) => (step.greedy && !isLast ? { ...each, greedy: [again(round)] } : each)));
  }
  return results;
}

function once(step: Drawn, reading: Reading, isAgain: boolean, longest: number): readonly Reading[] {
  const near = isAgain ? step.inner : step.near;
  const withinPrevious = step.withinPrevious ?? Number.POSITIVE_INFINITY;
  if (step.group !== undefined) {
    const head = (step.group[0] as Drawn).name;
    return readingsOf(step.group, [reading], longest).map((each) => {
      const first = each.slots[reading.slots.length] as Slot;
      const entered: Slot = {
        ...first,
        near: first.name === head ? near : first.near,
        withinPrevious: Math.min(first.withinPrevious, withinPrevious),
      };
      return { ...each, slots: each.slots.with(reading.slots.length, entered) };
    });
  }
  const fits = fitsOf(step);
  const slot: Slot = {
    ...{ name: step.name, near, withinPrevious },
    ...(isAgain
      ? { fits, until: step.until }
      : {
          fits: (value: Letter, taken: readonly Letter[]) => value.letter !== step.until && fits(value, taken),
          until: undefined,
        }),
    ...{ notNext: reading.notNext, notUntil: reading.notUntil, greedy: reading.greedy },
  };
  return [{ ...nothing, slots: [...reading.slots, slot] }];
}

function fitsOf({ letters, changes }: Drawn): Fits {
  return (value, taken) => letters.includes(value.letter) && (!changes || taken.at(-1)?.n !== value.n);
}

function* choices(reading: Reading, events: readonly Event[], within: number): Iterable<Found> {
  for (const chosen of chosenFrom(reading.slots, events, within, [])) {
    const ended = endOf(reading, chosen, events, within);
    if (ended === undefined) continue;
    yield { records: chosen.map((at, i) => [(reading.slots[i] as Slot).name, at] as const), ended };
  }
}

function* chosenFrom(
  slots: readonly Slot[],
  events: readonly Event[],
  within: number,
  before: readonly number[],
): Iterable<readonly number[]> {
  const slot = slots[before.length];
  if (slot === undefined) {
    yield before;
    return;
  }
  for (let at = (before.at(-1) ?? -1) + 1; at < events.length; at++)
    if (mayTake(slots, slot, at, before, events, within)) yield* chosenFrom(slots, events, within, [...before, at]);
}

function mayTake(
  slots: readonly Slot[],
  slot: Slot,
  at: number,
  before: readonly number[],
  events: readonly Event[],
  within: number,
): boolean {
  const event = events[at] as Event;
  const takenBy = (name: string): Letter[] =>
    before.flatMap((number, i) => ((slots[i] as Slot).name === name ? [(events[number] as Event).value] : []));
  const fits = ({ value }: Event): boolean => slot.fits(value, takenBy(slot.name));
  if (!fits(event)) return false;
  const last = before.at(-1);
  if (last === undefined) return !slot.greedy.some((greedy) => couldTake(greedy, [], [event], event.time));
  const between = events.slice(last + 1, at);
  const come = events.slice(last + 1, at + 1);
  if (slot.near === "strict" && between.length > 0) return false;
  if (slot.near === "relaxed" && between.some(fits)) return false;
  if (come.some(({ value }) => value.letter === slot.until)) return false;
  if (slot.notNext.some((letters) => letters.includes((come[0] as Event).value.letter))) return false;
  if (slot.notUntil.some((letters) => come.some(({ value }) => letters.includes(value.letter)))) return false;
  if (event.time - (events[before[0] as number] as Event).time >= within) return false;
  if (event.time - (events[last] as Event).time >= slot.withinPrevious) return false;
  return !slot.greedy.some((greedy) => couldTake(greedy, takenBy(greedy.name), come, (events[last] as Event).time));
}

/** Whether the greedy step could have taken the last of the records, or an earlier one that it would have waited for. */
function couldTake(greedy: Greedy, taken: readonly Letter[], come: readonly Event[], since: number): boolean {
  const { near, fits, until, withinPrevious } = greedy;
  return come.some(({ value, time }, i) => {
    if (time - since >= withinPrevious) return false;
    if (!fits(value, taken) || come.slice(0, i + 1).some((each) => each.value.letter === until)) return false;
    if (near === "strict") return i === 0;
    return near === "relaxed" || i === come.length - 1;
  });
}

/** The number of the record that completes the match; undefined when nothing does. */
function endOf(
  { notNext, notUntil }: Reading,
  chosen: readonly number[],
  events: readonly Event[],
  within: number,
): number | undefined {
  const last = chosen.at(-1) as number;
  if (notNext.length + notUntil.length === 0) return last;
  const deadline = (events[chosen[0] as number] as Event).time + within;
  const come = events.slice(last + 1).filter(({ time }) => time < deadline);
  const [next] = come;
  if (next !== undefined && notNext.some((letters) => letters.includes(next.value.letter))) return undefined;
  if (notUntil.length === 0) return next === undefined ? undefined : last + 1;
  if (notUntil.some((letters) => come.some(({ value }) => letters.includes(value.letter)))) return undefined;
  return events.filter(({ time }) => time < deadline).length;
}

function skipped(found: readonly Found[], after: AfterMatch): readonly Found[] {
  const numbers = ({ records }: Found): readonly number[] => records.map(([, at]) => at);
  const steps = ({ records }: Found): string => records.map(([name]) => name).join("");
  const difference = (a: Found, b: Found): number => {
    const [one, other] = [numbers(a), numbers(b)];
    const at = one.findIndex((number, i) => number !== other[i]);
    return at < 0 ? 0 : (one[at] as number) - (other[at] as number);
  };
  let left = found.toSorted(
    (a, b) =>
      (numbers(a)[0] as number) - (numbers(b)[0] as number) ||
      a.ended - b.ended ||
      b.records.length - a.records.length ||
      difference(a, b) ||
      (steps(a) < steps(b) ? -1 : 1),
  );
  if (after === "noSkip") return left;
  const results: Found[] = [];
  for (let next = left[0]; next !== undefined; next = left[0]) {
    const match = next;
    results.push(match);
    const first = firstKept(match, after);
    left = left.filter((each) => each !== match && (numbers(each)[0] as number) >= first);
  }
  return results;
}

function firstKept({ records }: Found, after: Exclude<AfterMatch, "noSkip">): number {
  const began = (records[0] as readonly [string, number])[1];
  if (after === "skipToNext") return began + 1;
  if (after === "skipPastLastEvent") return (records.at(-1) as readonly [string, number])[1] + 1;
  const [step] = Object.values(after);
  const of = records.filter(([name]) => name === step).map(([, at]) => at);
  return ("skipToFirst" in after ? of[0] : of.at(-1)) ?? 0;
}
