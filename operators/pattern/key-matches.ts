/**
 * What is kept of one key: the records that have not been looked at yet, the matches that have begun, and what these have
 * taken. Plain data, changed in place.
 *
 * What matches have taken is a forest that they share: a node is one record at one position of the automaton, and has
 * the node before it. A match is its last node; matches that go separate ways share all nodes up to there. Nodes that
 * none needs any more are swept when there are as many of them as others.
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
  /** Matches that have begun, in the order of their beginnings. */
  open: OpenMatch[];
  /** Complete ones that wait until no earlier beginning is open. */
  held: CompleteMatch[];
  /** Records that the watermark has not passed, in the order of coming. */
  waiting: unknown[];
  waitingTimes: number[];
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

export interface OpenMatch {
  /** Its last node. */
  node: number;
  readonly began: number;
  readonly startedAt: number;
  /** When its last record was. */
  readonly takenAt: number;
  /** A bit for each way on that it still has. */
  ways: number;
  /** Whether no record has come since its last one. */
  isFresh: boolean;
}

export const NODE_SIZE = 3;
/** A few nodes are not worth a sweep. */
const SWEEP_FROM = 64 * NODE_SIZE;

export function newKeyMatches(): KeyMatches {
  return {
    ...{ next: 0, nodes: [], values: [], times: [], numbers: [] },
    ...{ open: [], held: [], waiting: [], waitingTimes: [], swept: 0 },
  };
}

export function isIdle({ open, held, waiting }: KeyMatches): boolean {
  return open.length === 0 && held.length === 0 && waiting.length === 0;
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

/** Forgets what no match needs. */
export function sweep(matches: KeyMatches): void {
  const { open, held, nodes } = matches;
  if (open.length + held.length === 0) {
    if (nodes.length > 0) Object.assign(matches, { nodes: [], values: [], times: [], numbers: [], swept: 0 });
    return;
  }
  if (nodes.length < SWEEP_FROM + 2 * matches.swept) return;
  const kept = { ...newKeyMatches(), next: matches.next };
  const movedNodes = new Map<number, number>();
  const movedValues = new Map<number, number>();
  for (const each of [...open, ...held]) {
    const moved = moveTo(kept, matches, each.node, movedNodes, movedValues);
    (each as { node: number }).node = moved;
  }
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
