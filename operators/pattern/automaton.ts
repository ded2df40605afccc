/**
 * From a pattern to an automaton without empty moves (Glushkov's construction): a position for each record that a match can
 * take, and an edge for each way on from there. Repetitions are unrolled up to their minimum, or their maximum where it
 * has one; the last position of an open repetition has an edge to itself.
 *
 *   a.times(2).followedBy(b)?.next(c)      a1 ─relaxed→ a2 ─relaxed→ b ─strict→ c → match
 *                                                       └──────────strict──────┘
 *
 * What must not come between two steps stands on the edges between them. An edge to the end stands for a match that is
 * complete only when something has not come.
 */

import { MillraceError } from "../../core/errors.ts";
import { PATTERN_EDGES_MAX, PATTERN_POSITIONS_MAX } from "../../core/limits.ts";
import type { Contiguity, PatternCondition, PatternSpec, PatternStep } from "../../core/pattern.ts";

export type Condition = PatternCondition<unknown>;

/** Where edges to the end lead. */
export const END = -1;

/** Where no condition has to be true: every record fits. */
export const ALWAYS = -1;

/** Conditions are numbers, the same one for the same function, so that a record asks each of them once. */
export interface Edge {
  readonly to: number;
  readonly contiguity: Contiguity;
  /** Of an edge to the end no record is asked. */
  readonly fits: number;
  /** From the first record on that fits this the edge can no longer be taken; ALWAYS: no record does. */
  readonly until: number;
  /** Must not fit the very next record. */
  readonly notNext: readonly number[];
  /** Must fit no record until the edge is taken. */
  readonly notUntil: readonly number[];
  readonly withinPreviousMs: number;
  /** The bit of the greedy step that it leads into; 0: none. */
  readonly greedy: number;
  /** The bits of the greedy steps that it leaves or passes over: it cannot be taken while one of these can. */
  readonly passes: number;
}

export interface Position {
  readonly step: string;
  /** Its step's place among all steps. */
  readonly order: number;
  readonly edges: readonly Edge[];
  /** Whether a match is complete with this record. */
  readonly accepts: boolean;
}

export interface Automaton {
  readonly start: readonly Edge[];
  readonly positions: readonly Position[];
  /** By number. */
  readonly conditions: readonly Condition[];
}

/** An edge as it is built, with the functions. */
interface Way extends Omit<Edge, "fits" | "until" | "notNext" | "notUntil"> {
  readonly fits: Condition | undefined;
  readonly until: Condition | undefined;
  readonly notNext: readonly Condition[];
  readonly notUntil: readonly Condition[];
}

/** What an edge meets on its way from one step to another. */
interface Nots {
  readonly next: readonly Condition[];
  readonly until: readonly Condition[];
  readonly passes: number;
}

interface MutablePosition {
  readonly step: string;
  readonly order: number;
  edges: Way[];
  accepts: boolean;
}

/** A way into a part of the pattern, without how it is reached. */
interface Entry {
  readonly to: number;
  readonly fits: Condition | undefined;
  readonly until: Condition | undefined;
  readonly withinPreviousMs: number;
  readonly greedy: number;
  /** Of the first step of the part: how near it follows is said by the part. Otherwise its own. */
  readonly contiguity: Contiguity | undefined;
  readonly nots: Nots;
}

/** A part of the pattern: how it is entered, where it ends, whether nothing may be taken from it. */
interface Part {
  readonly entries: readonly Entry[];
  /** Positions with which it may be over, and what must not come behind them. */
  readonly exits: readonly Exit[];
  readonly skippable: boolean;
  /** The bits of greedy steps that are passed over when it is skipped. */
  readonly skips: number;
}

interface Exit {
  readonly at: number;
  readonly nots: Nots;
}

const noNots: Nots = { next: [], until: [], passes: 0 };

/** @throws BAD_OPTION for a pattern that is too long. */
export function automatonOf(pattern: PatternSpec): Automaton {
  const positions: MutablePosition[] = [];
  const builder = new Builder(pattern.name, positions);
  const whole = builder.sequence(pattern.steps);
  for (const { at, nots } of whole.exits) {
    const position = positions[at] as MutablePosition;
    if (nots.next.length + nots.until.length === 0) position.accepts = true;
    else position.edges.push(endEdge(nots));
  }
  const start = whole.entries.map((entry) => edgeTo(entry, "relaxed", noNots, false));
  const most = Math.max(start.length, builder.greedySteps, ...positions.map(({ edges }) => edges.length));
  if (most > PATTERN_EDGES_MAX) throw tooLong(pattern.name, `${most} ways on from one record`, PATTERN_EDGES_MAX);
  return numbered(start, positions);
}

function numbered(start: readonly Way[], positions: readonly MutablePosition[]): Automaton {
  const numbers = new Map<Condition, number>();
  const numberOf = (condition: Condition | undefined): number => {
    if (condition === undefined) return ALWAYS;
    const number = numbers.get(condition) ?? numbers.size;
    numbers.set(condition, number);
    return number;
  };
  const edgesOf = (ways: readonly Way[]): readonly Edge[] =>
    ways.map((way) => ({
      ...{ ...way, fits: numberOf(way.fits), until: numberOf(way.until) },
      ...{ notNext: way.notNext.map(numberOf), notUntil: way.notUntil.map(numberOf) },
    }));
  const numberedPositions = positions.map((position) => ({ ...position, edges: edgesOf(position.edges) }));
  return { start: edgesOf(start), positions: numberedPositions, conditions: [...numbers.keys()] };
}

function tooLong(pattern: string, what: string, max: number): MillraceError {
  const message = `pattern "${pattern}" has ${what}, with all of its repetitions, of at most ${max}; repeat less, or use timesOrMore`;
  return new MillraceError("BAD_OPTION", message, { operator: pattern });
}

function endEdge({ next, until }: Nots): Way {
  const none = { fits: undefined, until: undefined, greedy: 0, passes: 0, withinPreviousMs: Number.POSITIVE_INFINITY };
  return { to: END, contiguity: until.length > 0 ? "any" : "strict", ...none, notNext: next, notUntil: until };
}

/** `isAgain`: between two rounds, which a record that fits `until` ends. Into the first round such a record only does not lead. */
function edgeTo(entry: Entry, contiguity: Contiguity, nots: Nots, isAgain: boolean): Way {
  const { to, until, greedy, withinPreviousMs } = entry;
  return {
    ...{ to, greedy, withinPreviousMs },
    ...(isAgain ? { fits: entry.fits, until } : { fits: unless(entry.fits, until), until: undefined }),
    contiguity: entry.contiguity ?? contiguity,
    notNext: [...nots.next, ...entry.nots.next],
    notUntil: [...nots.until, ...entry.nots.until],
    passes: nots.passes | entry.nots.passes,
  };
}

class Builder {
  readonly #pattern: string;
  readonly #positions: MutablePosition[];
  /** The names of steps, in order. */
  readonly #steps: string[] = [];
  /** Of each step's condition one function, however often the step repeats. */
  readonly #conditions = new Map<PatternStep, Condition | undefined>();
  greedySteps = 0; // each has a bit

  constructor(pattern: string, positions: MutablePosition[]) {
    this.#pattern = pattern;
    this.#positions = positions;
  }

  sequence(steps: readonly PatternStep[]): Part {
    let whole: Part = { entries: [], exits: [], skippable: true, skips: 0 };
    let nots = noNots;
    steps.forEach((step, at) => {
      if (!step.taken) {
        nots = withNot(nots, step);
        return;
      }
      const part = this.#step(step, forbiddenBehind(steps, at));
      whole = this.#joined(whole, part, step, nots);
      nots = noNots;
    });
    if (nots === noNots) return whole;
    return { ...whole, exits: withNots(whole.exits, nots) };
  }

  /** The second part behind the first: what is skipped keeps what must not come. */
  #joined(first: Part, second: Part, { contiguity }: PatternStep, nots: Nots): Part {
    for (const exit of first.exits) this.#connect(exit.at, second.entries, contiguity, both(exit.nots, nots), false);
    const isHead = first.entries.length === 0;
    const way = both(nots, passing(first.skips));
    const own = second.entries.map(
      (entry): Entry => ({
        ...entry,
        contiguity: isHead ? entry.contiguity : (entry.contiguity ?? contiguity),
        nots: both(entry.nots, way),
      }),
    );
    const skipped = second.skippable ? withNots(first.exits, both(nots, passing(second.skips))) : [];
    return {
      entries: first.skippable ? [...first.entries, ...own] : first.entries,
      exits: [...skipped, ...second.exits],
      skippable: first.skippable && second.skippable,
      skips: first.skips | second.skips,
    };
  }

  #connect(from: number, entries: readonly Entry[], contiguity: Contiguity, nots: Nots, isAgain: boolean): void {
    const position = this.#positions[from] as MutablePosition;
    position.edges.push(...entries.map((entry) => edgeTo(entry, contiguity, nots, isAgain)));
  }

  /** A step with its repetitions. `forbidden`: what must not come behind it, and between its records neither. */
  #step(step: PatternStep, forbidden: Nots): Part {
    const greedy = step.greedy ? 1 << this.greedySteps++ : 0;
    const isOpen = step.max === Number.POSITIVE_INFINITY;
    const rounds = isOpen ? step.min : step.max;
    const first = this.#once(step, greedy);
    const over: Exit[] = [];
    let last = first;
    for (let round = 2; round <= rounds; round++) {
      if (round > step.min) over.push(...last.exits);
      const next = this.#once(step, greedy);
      this.#again(last.exits, next, step, forbidden);
      last = next;
    }
    if (isOpen) this.#again(last.exits, last, step, forbidden);
    // With its last round a step is over; before, a greedy one is left only for what it cannot take.
    const left = withNots(isOpen ? [...over, ...last.exits] : over, passing(greedy));
    return {
      entries: first.entries,
      exits: isOpen ? left : [...left, ...last.exits],
      skippable: step.optional,
      skips: greedy,
    };
  }

  #again(exits: readonly Exit[], { entries }: Part, { inner }: PatternStep, forbidden: Nots): void {
    for (const exit of exits) this.#connect(exit.at, entries, inner, both(exit.nots, forbidden), true);
  }

  #once(step: PatternStep, greedy: number): Part {
    const { group, withinPreviousMs = Number.POSITIVE_INFINITY } = step;
    const until = step.until as Condition | undefined;
    if (group !== undefined) {
      const part = this.sequence(group);
      const entries = part.entries.map(
        (entry): Entry => ({
          ...entry,
          ...{ fits: unless(entry.fits, entry.until), until },
          withinPreviousMs: Math.min(entry.withinPreviousMs, withinPreviousMs),
        }),
      );
      return { ...part, entries, skippable: false, skips: 0 };
    }
    const at = this.#positions.push(this.#position(step.name as string)) - 1;
    if (at >= PATTERN_POSITIONS_MAX) throw tooLong(this.#pattern, `more than ${at} records`, PATTERN_POSITIONS_MAX);
    const entry = {
      to: at,
      fits: this.#conditionOf(step),
      until,
      withinPreviousMs,
      greedy,
      contiguity: undefined,
      nots: noNots,
    };
    return { entries: [entry], exits: [{ at, nots: noNots }], skippable: false, skips: 0 };
  }

  #conditionOf(step: PatternStep): Condition | undefined {
    if (!this.#conditions.has(step)) this.#conditions.set(step, conditionOf(step));
    return this.#conditions.get(step);
  }

  #position(step: string): MutablePosition {
    let order = this.#steps.indexOf(step);
    if (order < 0) order = this.#steps.push(step) - 1;
    return { step, order, edges: [], accepts: false };
  }
}

function withNots(exits: readonly Exit[], nots: Nots): readonly Exit[] {
  return nots === noNots ? exits : exits.map((exit) => ({ at: exit.at, nots: both(exit.nots, nots) }));
}

function passing(passes: number): Nots {
  return passes === 0 ? noNots : { ...noNots, passes };
}

/** Behind a repeated step, what must not follow it must not come between its records either. */
function forbiddenBehind(steps: readonly PatternStep[], at: number): Nots {
  const behind = steps[at + 1];
  return behind !== undefined && !behind.taken && behind.contiguity === "relaxed" ? withNot(noNots, behind) : noNots;
}

function withNot(nots: Nots, step: PatternStep): Nots {
  const condition = conditionOf(step) ?? (() => true);
  return step.contiguity === "strict"
    ? { ...nots, next: [...nots.next, condition] }
    : { ...nots, until: [...nots.until, condition] };
}

function both(a: Nots, b: Nots): Nots {
  if (a === noNots) return b;
  if (b === noNots) return a;
  return { next: [...a.next, ...b.next], until: [...a.until, ...b.until], passes: a.passes | b.passes };
}

function unless(fits: Condition | undefined, until: Condition | undefined): Condition | undefined {
  if (until === undefined) return fits;
  return (value, taken) => !until(value, taken) && (fits === undefined || fits(value, taken));
}

/** All conditions of a step in one; undefined when it has none. */
function conditionOf({ conditions }: PatternStep): Condition | undefined {
  const all = conditions as readonly { readonly join: "and" | "or"; readonly fits: Condition }[];
  const [first, ...rest] = all;
  if (first === undefined) return undefined;
  return rest.reduce<Condition>((before, { join, fits }) => {
    if (join === "and") return (value, taken) => before(value, taken) && fits(value, taken);
    return (value, taken) => before(value, taken) || fits(value, taken);
  }, first.fits);
}
