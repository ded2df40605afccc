/**
 * When the sessions of a pane end. The pane is looked through from its first entry to its last, once for each half a gap of
 * its time, and the sessions that may end then are listed by ticks:
 *
 *            taken      │  listed: half a gap, ticks of it  │   in no list
 *   ────────────────────┼───────────────────────────────────┼─────────────────────────────────
 *      records of now   ▲ watermark                                  ▲ where sessions end that they belong to
 *
 * A record takes the end of its session a gap ahead, mostly behind what is listed: then nothing is written down. Going through
 * memory in order is so cheap that it takes less than to go to each session whose end came up and has moved on since.
 *
 * The law: a session that is to come out and ends in a tick that is listed has a place in that tick. What is found in a tick
 * and ends in another is passed over. An entry is looked through at most sixteen times, however long its pane lives, so the
 * cost is O(1) a record. Not saved: it follows from the pane.
 */

import { touch, wasRead } from "../../touch.ts";
import { SessionLists } from "./session-lists.ts";

/** Of a pane, 1024 to a gap: with gaps of seconds, a millisecond each. */
const TICKS = 8192;

/** Ticks that are listed at a time, half a gap: less is looked through more often, of more, more sessions go on meanwhile. */
const STRETCH = 512;

/** Layers of a pane: a session's number is its slot, with its layer in the bits above. */
export const LAYERS = 8;

const LAYER_BITS = 28;

/** The number of a session in its pane, and back. No pane can hold 2^28 keys. */
export function sessionNumber(layer: number, slot: number): number {
  return (layer << LAYER_BITS) | slot;
}

export function layerOf(session: number): number {
  return session >>> LAYER_BITS;
}

export function slotOf(session: number): number {
  return session & ((1 << LAYER_BITS) - 1);
}

/** The ends of a pane's sessions: by layer, then slot times the stride, for so many slots. */
export interface EndsByLayer {
  readonly columns: readonly Float64Array[];
  readonly sizes: readonly number[];
  readonly stride: number;
}

function endAt({ columns, stride }: EndsByLayer, session: number): number {
  return (columns[layerOf(session)] as Float64Array)[slotOf(session) * stride] as number;
}

function touchAll(sessions: Int32Array, count: number, ends: EndsByLayer): void {
  if (ends.columns.length === 1) {
    touch(ends.columns[0] as Float64Array, sessions, count, ends.stride);
    return;
  }
  let sum = 0;
  for (let i = 0; i < count; i++) sum += endAt(ends, sessions[i] as number);
  wasRead(sum);
}

const none = new Int32Array(0);

export class SessionEnds {
  readonly #start: number;
  readonly #ticksPerMs: number;
  /** What ends at this or before had ended when the pane was made: it is listed only if it is added. */
  readonly #past: number;
  /** None while no session is listed. */
  #ticks: SessionLists | undefined;
  /** Ticks below this are empty. */
  #first = TICKS;
  /** Ticks below this are listed. */
  #listed = 0;
  /** What ends here or later is in no list, and need not be added. */
  unlistedFrom: number;
  /** Whether one may have several places in a tick: a session has gone elsewhere, and its slot may have got another. */
  #mayRepeat = false;
  /** Sessions that have fired, though their ends are to come: after a change of parallelism. */
  #silent: Set<number> | undefined;

  /** @param start the first end of the pane, @param spanMs how many there are, @param past up to where ends have passed. */
  constructor(start: number, spanMs: number, past: number) {
    this.#start = start;
    this.#ticksPerMs = TICKS / spanMs;
    this.#past = past;
    this.unlistedFrom = this.#timeBehind(0);
  }

  /** Whether a session may have to be woken. */
  get someAreSilent(): boolean {
    return this.#silent !== undefined;
  }

  /** A session is to come out at its end. REQUIRES: it has no place in the tick of that. */
  add(session: number, end: number): void {
    if (end >= this.unlistedFrom || this.#silent?.has(session) === true) return;
    const tick = this.#tickOf(end);
    if (end <= this.#past)
      this.#mayRepeat = true; // it may grow to what is listed of the same tick
    else if (tick >= this.#listed) return;
    this.#put(session, tick);
  }

  /** The end of a session that is to come out has become later. */
  grown(session: number, before: number, end: number): void {
    if (end >= this.unlistedFrom) return;
    if (before <= this.#past || this.#tickOf(before) !== this.#tickOf(end)) this.add(session, end);
  }

  /** A session has gone elsewhere. */
  left(): void {
    this.#mayRepeat = true;
  }

  /** The session has fired, though its end is to come: it comes out once it is woken. */
  silence(session: number): void {
    this.#silent ??= new Set();
    this.#silent.add(session);
  }

  /** Has an effect only on one that is silent. */
  wake(session: number, end: number): void {
    if (this.#silent?.delete(session) === true) this.add(session, end);
  }

  /**
   * Takes out the sessions of the first tick in which some end at `upTo` or before, in order of their ends, then numbers;
   * empty when there are none.
   */
  take(upTo: number, ends: EndsByLayer): Int32Array {
    const last = this.#tickOf(upTo);
    while (this.#listed <= last) this.#listMore(ends);
    const ticks = this.#ticks;
    if (ticks === undefined) return none;
    for (; this.#first <= last && this.#first < TICKS; this.#first++) {
      if (ticks.countOf(this.#first) === 0) continue;
      const due = this.#takeTick(ticks, this.#first, upTo, ends);
      if (due.length > 0) return due;
      if (ticks.countOf(this.#first) > 0) return none; // what is left ends later
    }
    if (this.#first === TICKS) this.#ticks = undefined;
    return none;
  }

  #takeTick(ticks: SessionLists, tick: number, upTo: number, ends: EndsByLayer): Int32Array {
    const count = ticks.take(tick);
    const sessions = ticks.taken;
    touchAll(sessions, count, ends);
    let due = 0;
    let lastEnd = Number.NEGATIVE_INFINITY;
    let inOrder = true;
    for (let i = 0; i < count; i++) {
      const session = sessions[i] as number;
      const end = endAt(ends, session);
      if (end < this.#start || this.#tickOf(end) !== tick) continue;
      if (end > upTo) ticks.add(tick, session);
      else {
        if (end < lastEnd || (end === lastEnd && session < (sessions[due - 1] as number))) inOrder = false;
        lastEnd = end;
        sessions[due++] = session;
      }
    }
    return due === 0 ? none : this.#inOrder(sessions.slice(0, due), inOrder, ends);
  }

  /** Mostly they are in order: all of a tick end together, and are listed in the order of their numbers. */
  #inOrder(due: Int32Array, isSorted: boolean, ends: EndsByLayer): Int32Array {
    if (!isSorted) due.sort((a, b) => endAt(ends, a) - endAt(ends, b) || a - b);
    return this.#mayRepeat ? due.filter((session, i) => i === 0 || session !== due[i - 1]) : due;
  }

  /** Looks through the pane for what ends in the next ticks. */
  #listMore(ends: EndsByLayer): void {
    const from = this.#listed;
    this.#listed += STRETCH;
    this.unlistedFrom = this.#timeBehind(this.#listed);
    for (let layer = 0; layer < ends.columns.length; layer++) this.#listLayer(layer, ends, from);
  }

  #listLayer(layer: number, { columns, sizes, stride }: EndsByLayer, fromTick: number): void {
    const column = columns[layer] as Float64Array;
    const places = (sizes[layer] as number) * stride;
    const from = Math.max(this.#start, this.#start + fromTick / this.#ticksPerMs - 1);
    const to = this.unlistedFrom;
    for (let at = 0, slot = 0; at < places; at += stride, slot++) {
      const end = column[at] as number;
      if (end >= from && end < to) this.#listOne(sessionNumber(layer, slot), end, fromTick);
    }
  }

  /** One that ends near those ticks. */
  #listOne(session: number, end: number, fromTick: number): void {
    const tick = this.#tickOf(end);
    if (tick < fromTick || tick >= this.#listed || end <= this.#past) return;
    if (this.#silent?.has(session) !== true) this.#put(session, tick);
  }

  #put(session: number, tick: number): void {
    this.#ticks ??= new SessionLists(TICKS);
    this.#ticks.add(tick, session);
    if (tick < this.#first) this.#first = tick;
  }

  /** What ends here is behind the tick before this one and behind what is past, however ticks are rounded. */
  #timeBehind(tick: number): number {
    return Math.max(this.#start + tick / this.#ticksPerMs, this.#past) + 1;
  }

  #tickOf(end: number): number {
    const tick = Math.floor((end - this.#start) * this.#ticksPerMs);
    return tick < TICKS ? tick : TICKS - 1;
  }
}
