/**
 * When the sessions of a pane end: a wheel of ticks, each with the sessions that may end in it, by number.
 *
 * A session that grows is put down once more only when its end comes into another stretch of ticks: where the ends of all
 * records of the time are, so that it costs little more than writing a number, and nothing is kept of where it was put
 * before. What is found in the stretch of another end is passed over:
 *
 *   stretch            │ ● passed over      │     ● ─ ─ ─► end │      the last place, in the stretch of the end, is moved
 *   of a gap           │                    │  put   moved     │      to its tick when its time has come
 *
 * The law: a session that is to come out has a place in the stretch of its end, at its end's tick or before. A tick is short,
 * as each watermark within it looks at all that is left there; the lists are made when a session comes and let go behind
 * the last one. Not saved: it follows from the pane.
 */

import { touch, wasRead } from "../../touch.ts";
import { SessionLists } from "./session-lists.ts";

/** Of a pane, 1024 to a gap: with gaps of seconds, a millisecond each. */
const TICKS = 8192;

/** By so many bits a tick's number is its stretch's: 1024 ticks, a gap. Shorter ones took longer at 20,000 keys. */
const STRETCH_BITS = 10;

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

/** The ends of a pane's sessions: by layer, then slot times the stride. */
export interface EndsByLayer {
  readonly columns: readonly Float64Array[];
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
  /** None while no session waits. */
  #ticks: SessionLists | undefined;
  /** Ticks below this are empty. */
  #first = TICKS;
  /** Of the ends from here up to there all are in one stretch, that of the session that has grown last. */
  #nearFrom = Number.NaN;
  #nearTo = Number.NaN;
  /** Whether one may have several places in a tick: a session has gone elsewhere, and its slot may have got another. */
  #mayRepeat = false;
  /** Sessions that have fired, though their ends are to come: after a change of parallelism. */
  #silent: Set<number> | undefined;

  /** @param start the first end of the pane, @param spanMs how many there are. */
  constructor(start: number, spanMs: number) {
    this.#start = start;
    this.#ticksPerMs = TICKS / spanMs;
  }

  /** Whether a session may have to be woken. */
  get someAreSilent(): boolean {
    return this.#silent !== undefined;
  }

  /** A session is to come out at its end. REQUIRES: it has no place. */
  add(session: number, end: number): void {
    this.#put(session, this.#tickOf(end));
  }

  /** The end of a session that is to come out has become later. */
  grown(session: number, before: number, end: number): void {
    if (before >= this.#nearFrom && end < this.#nearTo) return;
    const tick = this.#tickOf(end);
    if ((this.#tickOf(before) ^ tick) >>> STRETCH_BITS !== 0) this.#put(session, tick);
    this.#turnTo(tick >>> STRETCH_BITS);
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
    const ticks = this.#ticks;
    if (ticks === undefined) return none;
    const last = this.#tickOf(upTo);
    for (; this.#first <= last && this.#first < TICKS; this.#first++) {
      if (ticks.countOf(this.#first) === 0) continue;
      const due = this.#takeTick(ticks, this.#first, upTo, ends);
      if (due.length > 0) return due;
      if (ticks.countOf(this.#first) > 0) break; // what is left ends later
    }
    if (this.#first === TICKS) this.#ticks = undefined;
    return none;
  }

  #takeTick(ticks: SessionLists, tick: number, upTo: number, ends: EndsByLayer): Int32Array {
    const count = ticks.take(tick);
    const sessions = ticks.taken;
    touchAll(sessions, count, ends);
    let due = 0;
    let isOneEnd = true;
    for (let i = 0; i < count; i++) {
      const session = sessions[i] as number;
      const end = endAt(ends, session);
      const endTick = end < this.#start ? -1 : this.#tickOf(end);
      if (endTick === tick && end <= upTo) {
        if (due > 0 && end !== endAt(ends, sessions[0] as number)) isOneEnd = false;
        sessions[due++] = session;
      } else if (endTick >= tick && (endTick ^ tick) >>> STRETCH_BITS === 0) ticks.add(endTick, session);
    }
    return due === 0 ? none : this.#inOrder(sessions.slice(0, due), isOneEnd ? undefined : ends);
  }

  /** In order of ends, if they differ, then numbers: mostly all of a tick end together, and numbers sort without a comparator. */
  #inOrder(due: Int32Array, ends: EndsByLayer | undefined): Int32Array {
    due.sort(ends === undefined ? undefined : (a, b) => endAt(ends, a) - endAt(ends, b) || a - b);
    return this.#mayRepeat ? due.filter((session, i) => i === 0 || session !== due[i - 1]) : due;
  }

  #put(session: number, tick: number): void {
    this.#ticks ??= new SessionLists(TICKS);
    this.#ticks.add(tick, session);
    if (tick < this.#first) this.#first = tick;
  }

  /** A millisecond less on either side: what is near has that stretch, however ticks are rounded. */
  #turnTo(stretch: number): void {
    this.#nearFrom = this.#start + (stretch << STRETCH_BITS) / this.#ticksPerMs + 1;
    this.#nearTo = this.#start + ((stretch + 1) << STRETCH_BITS) / this.#ticksPerMs - 1;
  }

  #tickOf(end: number): number {
    const tick = Math.floor((end - this.#start) * this.#ticksPerMs);
    return tick < TICKS ? tick : TICKS - 1;
  }
}
