/**
 * Takes records of one key, one after the other, through the automaton of a pattern.
 *
 * A record:
 *   1. Matches whose time is over are timed out.
 *   2. Each open match tries its ways on. A way is lost when what must not come has come, when its record had to be the
 *      next and is not, when its time is over, or when it was taken and leads to the next fitting record only. A way
 *      that is taken makes a new match of one record more; the old one stays open while it has ways left. While a
 *      greedy way is taken, others wait, and are lost together with it.
 *   3. The record begins a match if it fits the first step.
 *   4. Complete matches come out, or, where one makes others superfluous, in the order of their beginnings.
 *
 * A condition that does not look at what a match has taken says the same of a record for all matches: it is asked once.
 */

import type { AfterMatch } from "../../core/pattern-match.ts";
import { Answers } from "./answers.ts";
import { ALWAYS, type Automaton, type Edge, END, type Position } from "./automaton.ts";
import {
  addNode,
  addValue,
  BEGAN,
  before,
  type CompleteMatch,
  closeBefore,
  FRESH,
  isOpenBefore,
  type KeyMatches,
  moveOpen,
  NODE,
  OPEN_SIZE,
  POSITION,
  placeOf,
  placesOf,
  positionOf,
  STARTED_AT,
  sweep,
  TAKEN_AT,
  WAYS,
} from "./key-matches.ts";

const NEVER = Number.POSITIVE_INFINITY;

export interface MatcherOptions {
  readonly automaton: Automaton;
  readonly withinMs: number;
  readonly afterMatch: AfterMatch;
  /** `at`: when it comes out, which may be later than it was complete. */
  readonly matched: (matches: KeyMatches, match: CompleteMatch, at: number) => void;
  readonly timedOut: (matches: KeyMatches, node: number, startedAt: number, at: number) => void;
}

export class Matcher {
  readonly #start: readonly Edge[];
  readonly #positions: readonly Position[];
  readonly #withinMs: number;
  readonly #afterMatch: AfterMatch;
  /** By position: the shortest time that a way on has of its own. */
  readonly #withinPrevious: Float64Array;
  /** Whether any has. */
  readonly #timesWays: boolean;
  readonly #options: MatcherOptions;
  readonly #answers: Answers;
  // Of the record at hand.
  #value: unknown;
  #time = 0;
  #number = 0;
  /** Its place among the key's values, once a match has taken it; -1 before. */
  #place = -1;
  /** The matches that it has completed. */
  readonly #complete: CompleteMatch[] = [];

  constructor(options: MatcherOptions) {
    const { automaton, withinMs, afterMatch } = options;
    this.#options = options;
    this.#start = automaton.start;
    this.#positions = automaton.positions;
    this.#withinMs = withinMs;
    this.#afterMatch = afterMatch;
    this.#withinPrevious = Float64Array.from(automaton.positions, ({ edges }) =>
      Math.min(NEVER, ...edges.map(({ withinPreviousMs }) => withinPreviousMs)),
    );
    this.#timesWays = this.#withinPrevious.some((ms) => ms < NEVER);
    this.#answers = new Answers(automaton);
  }

  /**
   * `due`: none of the matches is over before. REQUIRES: records of a key come in the order of their times.
   * @returns whether a match has begun, taken the record or ended.
   */
  take(matches: KeyMatches, value: unknown, time: number, due: number): boolean {
    const isDue = due <= time;
    if (isDue) this.expire(matches, time);
    this.#value = value;
    this.#time = time;
    this.#number = matches.next++;
    this.#place = -1;
    this.#complete.length = 0;
    this.#answers.turnTo(matches, value);
    const hasLost = matches.open.length > 0 && this.#advance(matches);
    this.#begin(matches);
    if (!hasLost && !isDue && this.#place < 0 && this.#complete.length === 0) return false;
    this.#settle(matches);
    sweep(matches);
    return true;
  }

  /** Times out what is over at this time. */
  expire(matches: KeyMatches, time: number): void {
    if (matches.deadline > time || matches.deadline === NEVER) return;
    const { open } = matches;
    this.#complete.length = 0;
    this.#time = Number.NEGATIVE_INFINITY;
    let left = 0;
    for (let at = 0; at < open.length; at += OPEN_SIZE) {
      if (this.#isOver(matches, at, time)) continue;
      moveOpen(open, at, left);
      left += OPEN_SIZE;
    }
    open.length = left;
    matches.deadline = this.#nextDeadline(matches);
    this.#settle(matches);
    sweep(matches);
  }

  /** The earliest time at which one of them is over. */
  #nextDeadline({ open }: KeyMatches): number {
    let next = NEVER;
    for (let at = 0; at < open.length; at += OPEN_SIZE) {
      next = Math.min(next, (open[at + STARTED_AT] as number) + this.#withinMs);
      if (this.#timesWays)
        this.#eachWay(open, at, ({ withinPreviousMs }) => {
          next = Math.min(next, (open[at + TAKEN_AT] as number) + withinPreviousMs);
        });
    }
    return next;
  }

  /** What is held comes out, as far as no earlier beginning is open; at the end of all input, everything. */
  release(matches: KeyMatches, isEnd: boolean): void {
    while (matches.held.length > 0) {
      const first = matches.held.reduce((a, b) => (this.#compare(matches, b, a) < 0 ? b : a));
      if (!isEnd && isOpenBefore(matches, first.began)) return;
      matches.held = matches.held.filter((match) => match !== first);
      this.#options.matched(matches, first, Math.max(first.at, this.#time));
      closeBefore(matches, this.#firstKept(matches, first));
    }
  }

  /** Matches of one record more come behind those that were open, which stay while they have ways left. Whether one does not. */
  #advance(matches: KeyMatches): boolean {
    const { open } = matches;
    const size = open.length;
    let left = 0;
    for (let at = 0; at < size; at += OPEN_SIZE) {
      this.#tryWays(matches, at);
      if (open[at + WAYS] === 0) continue;
      moveOpen(open, at, left);
      left += OPEN_SIZE;
    }
    if (left === size) return false;
    for (let at = size; at < open.length; at += OPEN_SIZE, left += OPEN_SIZE) moveOpen(open, at, left);
    open.length = left;
    return true;
  }

  #tryWays(matches: KeyMatches, at: number): void {
    const { open } = matches;
    const { edges } = this.#positions[open[at + POSITION] as number] as Position;
    this.#answers.at(open[at + NODE] as number);
    const isFresh = open[at + FRESH] === 1;
    let ways = open[at + WAYS] as number;
    let takes = 0;
    let greedy = 0;
    let greedyOver = 0;
    for (let i = 0; i < edges.length; i++) {
      const bit = 1 << i;
      if ((ways & bit) === 0) continue;
      const edge = edges[i] as Edge;
      if (this.#isLost(edge, isFresh)) ways &= ~bit;
      else if (edge.to === END) {
        if (edge.contiguity === "strict") ways &= ~this.#reachEnd(open, at, bit);
      } else if (this.#answers.fits(edge.fits)) {
        takes |= bit;
        greedy |= edge.greedy;
        if (edge.contiguity !== "any") greedyOver |= edge.greedy;
        if (edge.contiguity !== "any") ways &= ~bit;
      } else if (edge.contiguity === "strict") ways &= ~bit;
    }
    if (takes !== 0) ways = this.#go(matches, at, takes, ways, greedy, greedyOver);
    open[at + WAYS] = ways;
    open[at + FRESH] = 0;
  }

  /** Goes the ways that take the record. @returns the ways that are left. */
  #go(matches: KeyMatches, at: number, takes: number, before: number, greedy: number, greedyOver: number): number {
    const { edges } = this.#positions[matches.open[at + POSITION] as number] as Position;
    let ways = before;
    for (let i = 0; i < edges.length; i++) {
      const edge = edges[i] as Edge;
      if ((takes & (1 << i)) !== 0 && (edge.passes & greedy) === 0) this.#extend(matches, at, edge);
      if ((edge.passes & greedyOver) !== 0) ways &= ~(1 << i);
    }
    return ways;
  }

  /** Whether the record at hand makes it impossible to go this way. */
  #isLost({ notNext, notUntil, until }: Edge, isFresh: boolean): boolean {
    if (isFresh) for (let i = 0; i < notNext.length; i++) if (this.#answers.fits(notNext[i] as number)) return true;
    for (let i = 0; i < notUntil.length; i++) if (this.#answers.fits(notUntil[i] as number)) return true;
    return until !== ALWAYS && this.#answers.fits(until);
  }

  /** What must not be next was not: the match is complete. @returns the way to the end, which is gone. */
  #reachEnd(open: number[], at: number, bit: number): number {
    this.#complete.push({
      ...{ node: open[at + NODE] as number, began: open[at + BEGAN] as number, ended: this.#number },
      ...{ startedAt: open[at + STARTED_AT] as number, at: this.#time },
    });
    return bit;
  }

  #begin(matches: KeyMatches): void {
    this.#answers.at(-1);
    const [only, second] = this.#start;
    if (only !== undefined && second === undefined) {
      if (this.#answers.fits(only.fits)) this.#extend(matches, -1, only);
      return;
    }
    const fitting = this.#start.filter(({ fits }) => this.#answers.fits(fits));
    const greedy = fitting.reduce((bits, edge) => bits | edge.greedy, 0);
    for (const edge of fitting) if ((edge.passes & greedy) === 0) this.#extend(matches, -1, edge);
  }

  /** A match of one record more than the one at that place, or, at -1, of the first. */
  #extend(matches: KeyMatches, at: number, { to }: Edge): void {
    const { open } = matches;
    if (this.#place < 0) this.#place = addValue(matches, this.#value, this.#time, this.#number);
    const node = addNode(matches, to, this.#place, at < 0 ? -1 : (open[at + NODE] as number));
    const { edges, accepts } = this.#positions[to] as Position;
    const began = at < 0 ? this.#number : (open[at + BEGAN] as number);
    const startedAt = at < 0 ? this.#time : (open[at + STARTED_AT] as number);
    if (accepts) this.#complete.push({ node, began, ended: this.#number, startedAt, at: this.#time });
    if (edges.length === 0) return;
    open.push(to, node, began, startedAt, this.#time, 2 ** edges.length - 1, 1);
    const over = Math.min(startedAt + this.#withinMs, this.#time + (this.#withinPrevious[to] as number));
    if (over < matches.deadline) matches.deadline = over;
  }

  /** Whether the match's time is over, of the whole or of each way that it had left; if so, it is timed out. */
  #isOver(matches: KeyMatches, at: number, time: number): boolean {
    const { open } = matches;
    const deadline = (open[at + STARTED_AT] as number) + this.#withinMs;
    if (deadline <= time && deadline < NEVER) this.#timeOut(matches, at, deadline);
    else if (!this.#timesWays) return false;
    else {
      const lost = this.#waysOver(open, at, time);
      open[at + WAYS] = (open[at + WAYS] as number) & ~lost.ways;
      if (open[at + WAYS] !== 0 || lost.ways === 0) return false;
      this.#timeOut(matches, at, lost.at);
    }
    return true;
  }

  /** The match is over: complete if it only had to wait, otherwise timed out. What was complete before is neither. */
  #timeOut(matches: KeyMatches, place: number, at: number): void {
    const { open } = matches;
    const node = open[place + NODE] as number;
    const startedAt = open[place + STARTED_AT] as number;
    const ways = open[place + WAYS] as number;
    const { edges, accepts } = this.#positions[open[place + POSITION] as number] as Position;
    this.#time = Math.max(this.#time, at);
    if (edges.some(({ to, contiguity }, i) => to === END && contiguity === "any" && (ways & (1 << i)) !== 0))
      this.#complete.push({ node, began: open[place + BEGAN] as number, ended: matches.next, startedAt, at });
    else if (!accepts) this.#options.timedOut(matches, node, startedAt, at);
  }

  /** The ways whose own time is over, and when it was. */
  #waysOver(open: number[], place: number, time: number): { readonly ways: number; readonly at: number } {
    const takenAt = open[place + TAKEN_AT] as number;
    let ways = 0;
    let at = takenAt;
    this.#eachWay(open, place, ({ withinPreviousMs }, bit) => {
      const over = takenAt + withinPreviousMs;
      if (over > time) return;
      ways |= bit;
      at = Math.max(at, over);
    });
    return { ways, at };
  }

  #eachWay(open: number[], at: number, visit: (edge: Edge, bit: number) => void): void {
    const { edges } = this.#positions[open[at + POSITION] as number] as Position;
    edges.forEach((edge, i) => {
      if (((open[at + WAYS] as number) & (1 << i)) !== 0) visit(edge, 1 << i);
    });
  }

  /** What is complete comes out, or is held. */
  #settle(matches: KeyMatches): void {
    const complete = this.#complete;
    if (complete.length === 0) {
      if (matches.held.length > 0) this.release(matches, false);
      return;
    }
    if (this.#afterMatch !== "noSkip") {
      matches.held.push(...complete);
      this.release(matches, false);
      return;
    }
    if (complete.length > 1) complete.sort((a, b) => this.#compare(matches, a, b));
    for (const match of complete) this.#options.matched(matches, match, match.at);
  }

  /**
   * By their beginnings, then their ends; of those that share both, the longest first, then by the first record in which
   * they differ, then by the first step.
   */
  #compare(matches: KeyMatches, a: CompleteMatch, b: CompleteMatch): number {
    if (a.began !== b.began) return a.began - b.began;
    if (a.ended !== b.ended) return a.ended - b.ended;
    const one = placesOf(matches, a.node);
    const other = placesOf(matches, b.node);
    if (one.length !== other.length) return other.length - one.length;
    const at = one.findIndex((place, i) => place !== other[i]);
    if (at < 0) return this.#compareSteps(matches, a.node, b.node);
    return (matches.numbers[one[at] as number] as number) - (matches.numbers[other[at] as number] as number);
  }

  #position(matches: KeyMatches, node: number): Position {
    return this.#positions[positionOf(matches, node)] as Position;
  }

  #compareSteps(matches: KeyMatches, a: number, b: number): number {
    let difference = 0;
    for (let one = a, other = b; one >= 0; one = before(matches, one), other = before(matches, other)) {
      const next = this.#position(matches, one).order - this.#position(matches, other).order;
      if (next !== 0) difference = next;
    }
    return difference;
  }

  /** The number of the first record that other matches may begin with. */
  #firstKept(matches: KeyMatches, { node, began }: CompleteMatch): number {
    const after = this.#afterMatch;
    if (after === "noSkip") return 0;
    if (after === "skipToNext") return began + 1;
    const numberOf = (at: number): number => matches.numbers[placeOf(matches, at)] as number;
    if (after === "skipPastLastEvent") return numberOf(node) + 1;
    const isFirst = "skipToFirst" in after;
    const step = isFirst ? after.skipToFirst : after.skipToLast;
    let found = 0;
    for (let at = node; at >= 0; at = before(matches, at)) {
      if (this.#position(matches, at).step !== step) continue;
      found = numberOf(at);
      if (!isFirst) break;
    }
    return found;
  }
}
