/**
 * When the sessions of a pane end: a wheel of ticks, each with the sessions that may end in it, by number.
 *
 * Lazy: a session that goes on stays in its tick, and is moved to the tick of its end when the time has come. So extending
 * a session costs nothing, and each is moved about once a gap. A tick is short, as each watermark within it looks at all
 * that is left there; the wheel is made when a session comes and let go behind the last one. Not saved: it follows from the
 * pane.
 */

import { wasRead } from "../../touch.ts";

/** Of a pane, 1024 to a gap: with gaps of seconds, a millisecond each. */
const TICKS = 8192;

/** Layers of a pane: a session's number is its slot times this, plus its layer. */
export const LAYERS = 8;

/** The ends of a pane's sessions: by layer, then slot times the stride. */
export interface EndsByLayer {
  readonly columns: readonly Float64Array[];
  readonly stride: number;
}

function endAt({ columns, stride }: EndsByLayer, session: number): number {
  return (columns[session & (LAYERS - 1)] as Float64Array)[(session >>> 3) * stride] as number;
}

function touchAll(sessions: readonly number[], ends: EndsByLayer): void {
  let sum = 0;
  for (let i = 0; i < sessions.length; i++) sum += endAt(ends, sessions[i] as number);
  wasRead(sum);
}

const none: readonly number[] = [];

export class SessionEnds {
  readonly #start: number;
  readonly #tickMs: number;
  /** None while no session waits. */
  #ticks: (number[] | undefined)[] = [];
  /** By slot: a bit for each layer in which its session is in a tick. */
  #waiting = new Uint8Array(64);
  /** Ticks below this are empty. */
  #first = TICKS;

  /** @param start the first end of the pane, @param spanMs how many there are. */
  constructor(start: number, spanMs: number) {
    this.#start = start;
    this.#tickMs = spanMs / TICKS;
  }

  isWaiting(session: number): boolean {
    return ((this.#waiting[session >>> 3] as number) & (1 << (session & (LAYERS - 1)))) !== 0;
  }

  /** Does nothing when it is waiting. */
  addOnce(session: number, end: number): void {
    const slot = session >>> 3;
    if (slot >= this.#waiting.length) this.#widen(slot);
    const waiting = this.#waiting[slot] as number;
    const bit = 1 << (session & (LAYERS - 1));
    if ((waiting & bit) !== 0) return;
    this.#waiting[slot] = waiting | bit;
    this.#put(session, this.#tickOf(end));
  }

  #widen(slot: number): void {
    const longer = new Uint8Array(2 * slot);
    longer.set(this.#waiting);
    this.#waiting = longer;
  }

  /**
   * Takes out the sessions of the first tick in which some end at `upTo` or before, in order of their ends, then numbers;
   * empty when there are none. A session whose end is before the pane has been moved elsewhere.
   */
  take(upTo: number, ends: EndsByLayer): ArrayLike<number> {
    const last = this.#tickOf(upTo);
    for (; this.#first <= last && this.#first < TICKS; this.#first++) {
      const sessions = this.#ticks[this.#first];
      if (sessions === undefined) continue;
      const due = this.#takeTick(sessions, this.#first, upTo, ends);
      if (sessions.length === 0) this.#ticks[this.#first] = undefined;
      if (due.length > 0) return inOrder(due, ends);
      if (sessions.length > 0) break; // what is left ends later
    }
    if (this.#first === TICKS) this.#ticks = [];
    return none;
  }

  #takeTick(sessions: number[], tick: number, upTo: number, ends: EndsByLayer): number[] {
    const due: number[] = [];
    touchAll(sessions, ends);
    let kept = 0;
    for (let i = 0; i < sessions.length; i++) {
      const session = sessions[i] as number;
      const end = endAt(ends, session);
      // Also one that is due has its turn in its own tick, among those that end with it.
      if (end >= this.#start && this.#tickOf(end) > tick) this.#put(session, this.#tickOf(end));
      else if (end > upTo) sessions[kept++] = session;
      else {
        const slot = session >>> 3;
        this.#waiting[slot] = (this.#waiting[slot] as number) & ~(1 << (session & (LAYERS - 1)));
        if (end >= this.#start) due.push(session);
      }
    }
    sessions.length = kept;
    return due;
  }

  #put(session: number, tick: number): void {
    if (this.#ticks.length === 0) this.#ticks = new Array(TICKS).fill(undefined);
    const sessions = this.#ticks[tick];
    if (sessions === undefined) this.#ticks[tick] = [session];
    else sessions.push(session);
    if (tick < this.#first) this.#first = tick;
  }

  #tickOf(end: number): number {
    return Math.max(0, Math.min(TICKS - 1, Math.floor((end - this.#start) / this.#tickMs)));
  }
}

/** In order of ends, then numbers: mostly all of a tick end together, and numbers alone sort without a comparator. */
function inOrder(due: number[], ends: EndsByLayer): ArrayLike<number> {
  const first = endAt(ends, due[0] as number);
  if (due.every((session) => endAt(ends, session) === first)) return Int32Array.from(due).sort();
  return due.sort((a, b) => endAt(ends, a) - endAt(ends, b) || a - b);
}
