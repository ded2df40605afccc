/**
 * What is kept of one key: the records that have not been looked at yet, the matches that have begun, and what these have
 * taken. Plain data, changed in place.
 *
 * What matches have taken is a forest that they share: a node is one record at one position of the automaton, and has
 * the node before it. A match is its last node; matches that go separate ways share all nodes up to there. Nodes that
 * none needs any more are swept when there are as many of them as others.
 *
 * Matches that have begun are seven numbers each in one flat array, in no order:
 *
 *   [ position, last node, number of its first record, time of that, time of its last record, ways, fresh, … ]
 *
 *   position  of the last node: a record that no match takes looks at nothing but this array
 *   ways      a bit for each way on that it still has
 *   fresh     1 as long as no record has come since its last one
 */

export interface KeyMatches {
  /** The number of the next record of the key: the order in which they were looked at. */
  next: number;
  /** Three numbers a node: position, place of the record in `values`, node before it or -1. */
  nodes: number[];
  // The records that nodes hold: value, time and number.
  values: unknown[];
  times: number[];
  numbers: number[];
  /** Matches that have begun. */
  open: number[];
  /** Complete ones that wait until no earlier beginning is open. */
  held: CompleteMatch[];
  /** None of the matches is over before this time. */
  deadline: number;
  /** Records that the watermark has not passed, in the order of their times, from `looked` on. */
  waiting: unknown[];
  waitingTimes: number[];
  looked: number;
  /** So many nodes were left by the last sweep. */
  swept: number;
}

export interface CompleteMatch {
  /** Its last node. */
  readonly node: number;
  /** The number of its first record. */
  readonly began: number;
  /** The number of the record that completed it. */
  readonly ended: number;
  readonly startedAt: number;
  /** When it was complete. */
  readonly at: number;
}

/** Places within an open match. */
export const OPEN_SIZE = 7;
export const POSITION = 0;
export const NODE = 1;
export const BEGAN = 2;
export const STARTED_AT = 3;
export const TAKEN_AT = 4;
export const WAYS = 5;
export const FRESH = 6;

export const NODE_SIZE = 3;
/** A few nodes are not worth a sweep. */
const SWEEP_FROM = 64 * NODE_SIZE;
/** Nor are a few records that have been looked at. */
const WAITED_MAX = 32;

export function newKeyMatches(): KeyMatches {
  return {
    ...{ next: 0, nodes: [], values: [], times: [], numbers: [] },
    ...{ open: [], held: [], deadline: Number.POSITIVE_INFINITY, waiting: [], waitingTimes: [], looked: 0, swept: 0 },
  };
}

export function isIdle({ open, held, waiting }: KeyMatches): boolean {
  return open.length === 0 && held.length === 0 && waiting.length === 0;
}

/** Puts a record behind those that wait and are not later. */
export function addWaiting({ waiting, waitingTimes, looked }: KeyMatches, value: unknown, time: number): void {
  let at = waiting.length;
  waiting.push(value);
  waitingTimes.push(time);
  for (; at > looked && (waitingTimes[at - 1] as number) > time; at--) {
    waiting[at] = waiting[at - 1];
    waitingTimes[at] = waitingTimes[at - 1] as number;
  }
  waiting[at] = value;
  waitingTimes[at] = time;
}

/** The earliest time of a record that waits. */
export function earliestWaiting({ waitingTimes, looked }: KeyMatches): number {
  return looked < waitingTimes.length ? (waitingTimes[looked] as number) : Number.POSITIVE_INFINITY;
}

/** Forgets the records that have been looked at, when they are many or all. */
export function dropLooked(matches: KeyMatches): void {
  const { waiting, waitingTimes, looked } = matches;
  if (looked < waiting.length && (looked < WAITED_MAX || 2 * looked < waiting.length)) return;
  waiting.splice(0, looked);
  waitingTimes.splice(0, looked);
  matches.looked = 0;
}

export function addNode(matches: KeyMatches, position: number, value: number, before: number): number {
  return matches.nodes.push(position, value, before) / NODE_SIZE - 1;
}

export function addValue(matches: KeyMatches, value: unknown, time: number, number: number): number {
  matches.times.push(time);
  matches.numbers.push(number);
  return matches.values.push(value) - 1;
}

export function positionOf({ nodes }: KeyMatches, node: number): number {
  return nodes[node * NODE_SIZE] as number;
}

/** The place of a node's record. */
export function placeOf({ nodes }: KeyMatches, node: number): number {
  return nodes[node * NODE_SIZE + 1] as number;
}

/** The node before it, or -1. */
export function before({ nodes }: KeyMatches, node: number): number {
  return nodes[node * NODE_SIZE + 2] as number;
}

/** The places of the records up to a node, the first one first. */
export function placesOf(matches: KeyMatches, node: number): number[] {
  const places: number[] = [];
  for (let at = node; at >= 0; at = before(matches, at)) places.push(placeOf(matches, at));
  return places.reverse();
}

/** Whether a match has begun earlier than with that record and is still open. */
export function isOpenBefore({ open }: KeyMatches, number: number): boolean {
  for (let at = 0; at < open.length; at += OPEN_SIZE) if ((open[at + BEGAN] as number) < number) return true;
  return false;
}

/** Gives up the matches that begin before that record. */
export function closeBefore(matches: KeyMatches, number: number): void {
  const { open } = matches;
  let left = 0;
  for (let at = 0; at < open.length; at += OPEN_SIZE) {
    if ((open[at + BEGAN] as number) < number) continue;
    moveOpen(open, at, left);
    left += OPEN_SIZE;
  }
  open.length = left;
  if (matches.held.length > 0) matches.held = matches.held.filter(({ began }) => began >= number);
}

/** Moves a match to another place, nearer to the front. */
export function moveOpen(open: number[], from: number, to: number): void {
  if (from === to) return;
  for (let i = 0; i < OPEN_SIZE; i++) open[to + i] = open[from + i] as number;
}

/** Forgets what no match needs. */
export function sweep(matches: KeyMatches): void {
  const { open, held, nodes } = matches;
  if (nodes.length === 0) return;
  if (open.length + held.length === 0) {
    nodes.length = matches.values.length = matches.times.length = matches.numbers.length = 0;
    matches.swept = 0;
    matches.deadline = Number.POSITIVE_INFINITY;
    return;
  }
  if (nodes.length < SWEEP_FROM + 2 * matches.swept) return;
  const kept = newKeyMatches();
  const movedNodes = new Map<number, number>();
  const movedValues = new Map<number, number>();
  for (let at = 0; at < open.length; at += OPEN_SIZE)
    open[at + NODE] = moveTo(kept, matches, open[at + NODE] as number, movedNodes, movedValues);
  matches.held = held.map((match) => ({
    ...match,
    node: moveTo(kept, matches, match.node, movedNodes, movedValues),
  }));
  const { nodes: left, values, times, numbers } = kept;
  Object.assign(matches, { nodes: left, values, times, numbers, swept: left.length });
}

/** Copies a node and those before it, which come first; the new number of the node. */
function moveTo(
  to: KeyMatches,
  from: KeyMatches,
  node: number,
  movedNodes: Map<number, number>,
  movedValues: Map<number, number>,
): number {
  const path: number[] = [];
  let at = node;
  for (; at >= 0 && !movedNodes.has(at); at = before(from, at)) path.push(at);
  let last = at < 0 ? -1 : (movedNodes.get(at) as number);
  for (const each of path.reverse()) {
    const place = placeOf(from, each);
    let value = movedValues.get(place);
    if (value === undefined) {
      value = addValue(to, from.values[place], from.times[place] as number, from.numbers[place] as number);
      movedValues.set(place, value);
    }
    last = addNode(to, positionOf(from, each), value, last);
    movedNodes.set(each, last);
  }
  return last;
}
