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
 */

import type { TakenSoFar } from "../../core/pattern.ts";
import type { AfterMatch } from "../../core/pattern-match.ts";
import { type Automaton, type Condition, type Edge, END, type Position } from "./automaton.ts";
import {
  addNode,
  addValue,
  before,
  type CompleteMatch,
  type KeyMatches,
  type OpenMatch,
  placeOf,
  placesOf,
  positionOf,
  sweep,
} from "./key-matches.ts";

export interface MatcherOptions {
  readonly automaton: Automaton;
  readonly withinMs: number;
  readonly afterMatch: AfterMatch;
  /** `at`: when it comes out, which may be later than it was complete. */
  readonly matched: (matches: KeyMatches, match: CompleteMatch, at: number) => void;
  readonly timedOut: (matches: KeyMatches, match: OpenMatch, at: number) => void;
}

export class Matcher {
  readonly #start: readonly Edge[];
  readonly #positions: readonly Position[];
  readonly #withinMs: number;
  readonly #afterMatch: AfterMatch;
  /** Whether a way on may have a time of its own. */
  readonly #timesWays: boolean;
  readonly #options: MatcherOptions;
  readonly #taken: Taken;
  // Of the record at hand.
  #value: unknown;
  #time = 0;
  #number = 0;
  /** Its place among the key's values, once a match has taken it; -1 before. */
  #place = -1;

  constructor(options: MatcherOptions) {
    const { automaton, withinMs, afterMatch } = options;
    this.#options = options;
    this.#start = automaton.start;
    this.#positions = automaton.positions;
    this.#withinMs = withinMs;
    this.#afterMatch = afterMatch;
    this.#timesWays = automaton.positions.some(({ edges }) =>
      edges.some(({ withinPreviousMs }) => withinPreviousMs < Number.POSITIVE_INFINITY),
    );
    this.#taken = new Taken(automaton.positions);
  }

  /** REQUIRES: records of a key come in the order of their times. */
  take(matches: KeyMatches, value: unknown, time: number): void {
    if (matches.open.length > 0) this.expire(matches, time);
    this.#value = value;
    this.#time = time;
    this.#number = matches.next++;
    this.#place = -1;
    const complete: CompleteMatch[] = [];
    if (matches.open.length > 0) this.#advance(matches, complete);
    this.#begin(matches, complete);
    if (complete.length > 0) this.#settle(matches, complete);
    else if (matches.held.length > 0) this.release(matches, false);
    if (matches.nodes.length > 0) sweep(matches);
  }

  /** Times out what is over at this time. */
  expire(matches: KeyMatches, time: number): void {
    if (this.#withinMs === Number.POSITIVE_INFINITY && !this.#timesWays) return;
    const complete: CompleteMatch[] = [];
    this.#time = Number.NEGATIVE_INFINITY;
    const left = matches.open.filter((match) => {
      const deadline = match.startedAt + this.#withinMs;
      if (deadline <= time) this.#timeOut(matches, match, deadline, complete);
      else if (!this.#timesWays) return true;
      else {
        const lost = this.#waysOver(matches, match, time);
        match.ways &= ~lost.ways;
        if (match.ways !== 0 || lost.ways === 0) return true;
        this.#timeOut(matches, match, lost.at, complete);
      }
      return false;
    });
    if (left.length === matches.open.length) return;
    matches.open = left;
    if (complete.length > 0) this.#settle(matches, complete);
    else if (matches.held.length > 0) this.release(matches, false);
    sweep(matches);
  }

  /** The earliest time at which one of them is over. */
  nextDeadline({ open, nodes }: KeyMatches): number {
    let next = Number.POSITIVE_INFINITY;
    for (const match of open) {
      next = Math.min(next, match.startedAt + this.#withinMs);
      if (this.#timesWays)
        this.#eachWay({ nodes } as KeyMatches, match, ({ withinPreviousMs }) => {
          next = Math.min(next, match.takenAt + withinPreviousMs);
        });
    }
    return next;
  }

  /** What is held comes out, as far as no earlier beginning is open; at the end of all input, everything. */
  release(matches: KeyMatches, isEnd: boolean): void {
    for (;;) {
      const [first] = matches.held.toSorted((a, b) => this.#compare(matches, a, b));
      if (first === undefined) return;
      if (!isEnd && matches.open.some(({ began }) => began < first.began)) return;
      matches.held = matches.held.filter((match) => match !== first);
      this.#options.matched(matches, first, Math.max(first.at, this.#time));
      this.#prune(matches, first);
    }
  }

  #advance(matches: KeyMatches, complete: CompleteMatch[]): void {
    const { open } = matches;
    const longer: OpenMatch[] = [];
    let left = 0;
    for (let i = 0; i < open.length; i++) {
      const match = open[i] as OpenMatch;
      this.#tryWays(matches, match, longer, complete);
      if (match.ways !== 0) open[left++] = match;
    }
    open.length = left;
    for (const match of longer) open.push(match);
  }

  #tryWays(matches: KeyMatches, match: OpenMatch, longer: OpenMatch[], complete: CompleteMatch[]): void {
    const { edges } = this.#position(matches, match.node);
    this.#taken.at(matches, match.node);
    let takes = 0;
    let greedy = 0;
    let greedyOver = 0;
    for (let i = 0; i < edges.length; i++) {
      const bit = 1 << i;
      if ((match.ways & bit) === 0) continue;
      const edge = edges[i] as Edge;
      if (this.#isLost(edge, match.isFresh)) match.ways &= ~bit;
      else if (edge.to === END) this.#waitForEnd(match, edge, bit, complete);
      else if (this.#fits(edge.fits)) {
        takes |= bit;
        greedy |= edge.greedy;
        if (edge.contiguity !== "any") greedyOver |= edge.greedy;
        if (edge.contiguity !== "any") match.ways &= ~bit;
      } else if (edge.contiguity === "strict") match.ways &= ~bit;
    }
    match.isFresh = false;
    if (takes === 0) return;
    for (let i = 0; i < edges.length; i++) {
      const edge = edges[i] as Edge;
      if ((takes & (1 << i)) !== 0 && (edge.passes & greedy) === 0)
        this.#extend(matches, match, edge, longer, complete);
      if ((edge.passes & greedyOver) !== 0) match.ways &= ~(1 << i);
    }
  }

  /** Whether the record at hand makes it impossible to go this way. */
  #isLost({ notNext, notUntil, until }: Edge, isFresh: boolean): boolean {
    if (isFresh) for (const not of notNext) if (this.#fits(not)) return true;
    for (const not of notUntil) if (this.#fits(not)) return true;
    return until !== undefined && this.#fits(until);
  }

  /** To the end: what must not be next was not, or what must not come has not come yet. */
  #waitForEnd(match: OpenMatch, { contiguity }: Edge, bit: number, complete: CompleteMatch[]): void {
    if (contiguity !== "strict") return;
    match.ways &= ~bit;
    const { node, began, startedAt } = match;
    complete.push({ node, began, ended: this.#number, startedAt, at: this.#time });
  }

  #fits(condition: Condition | undefined): boolean {
    return condition === undefined || condition(this.#value, this.#taken) === true;
  }

  #begin(matches: KeyMatches, complete: CompleteMatch[]): void {
    this.#taken.at(matches, -1);
    const [only, second] = this.#start;
    if (only !== undefined && second === undefined) {
      if (this.#fits(only.fits)) this.#extend(matches, undefined, only, matches.open, complete);
      return;
    }
    const fitting = this.#start.filter(({ fits }) => this.#fits(fits));
    const greedy = fitting.reduce((bits, edge) => bits | edge.greedy, 0);
    for (const edge of fitting)
      if ((edge.passes & greedy) === 0) this.#extend(matches, undefined, edge, matches.open, complete);
  }

  /** A match of one record more than `match`, or of the first. */
  #extend(
    matches: KeyMatches,
    match: OpenMatch | undefined,
    { to }: Edge,
    open: OpenMatch[],
    complete: CompleteMatch[],
  ): void {
    if (this.#place < 0) this.#place = addValue(matches, this.#value, this.#time, this.#number);
    const node = addNode(matches, to, this.#place, match?.node ?? -1);
    const { edges, accepts } = this.#positions[to] as Position;
    const { began, startedAt } = match ?? { began: this.#number, startedAt: this.#time };
    if (accepts) complete.push({ node, began, ended: this.#number, startedAt, at: this.#time });
    if (edges.length > 0)
      open.push({ node, began, startedAt, takenAt: this.#time, ways: 2 ** edges.length - 1, isFresh: true });
  }

  /** The match is over: complete if it only had to wait, otherwise timed out. What was complete before is neither. */
  #timeOut(matches: KeyMatches, match: OpenMatch, at: number, complete: CompleteMatch[]): void {
    const { edges, accepts } = this.#position(matches, match.node);
    const { node, began, startedAt, ways } = match;
    this.#time = Math.max(this.#time, at);
    if (edges.some(({ to, contiguity }, i) => to === END && contiguity === "any" && (ways & (1 << i)) !== 0)) {
      complete.push({ node, began, ended: matches.next, startedAt, at });
    } else if (!accepts) this.#options.timedOut(matches, match, at);
  }

  /** The ways whose own time is over, and when it was. */
  #waysOver(matches: KeyMatches, match: OpenMatch, time: number): { readonly ways: number; readonly at: number } {
    let ways = 0;
    let at = match.takenAt;
    this.#eachWay(matches, match, ({ withinPreviousMs }, bit) => {
      const over = match.takenAt + withinPreviousMs;
      if (over > time) return;
      ways |= bit;
      at = Math.max(at, over);
    });
    return { ways, at };
  }

  #eachWay(matches: KeyMatches, match: OpenMatch, visit: (edge: Edge, bit: number) => void): void {
    const { edges } = this.#position(matches, match.node);
    edges.forEach((edge, i) => {
      if ((match.ways & (1 << i)) !== 0) visit(edge, 1 << i);
    });
  }

  #settle(matches: KeyMatches, complete: CompleteMatch[]): void {
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

  /** Gives up what the match makes superfluous. */
  #prune(matches: KeyMatches, match: CompleteMatch): void {
    const first = this.#firstKept(matches, match);
    matches.open = matches.open.filter(({ began }) => began >= first);
    matches.held = matches.held.filter(({ began }) => began >= first);
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

/** What conditions see of the match that they are asked for. */
class Taken implements TakenSoFar<unknown> {
  readonly #positions: readonly Position[];
  #matches: KeyMatches | undefined;
  #node = -1;

  constructor(positions: readonly Position[]) {
    this.#positions = positions;
  }

  at(matches: KeyMatches, node: number): void {
    this.#matches = matches;
    this.#node = node;
  }

  of(step: string): readonly unknown[] {
    const matches = this.#matches;
    const values: unknown[] = [];
    if (matches === undefined) return values;
    for (let at = this.#node; at >= 0; at = before(matches, at)) {
      if ((this.#positions[positionOf(matches, at)] as Position).step === step)
        values.push(matches.values[placeOf(matches, at)]);
    }
    return values.reverse();
  }
}
