/**
 * When the sessions of a pane end: a wheel of ticks, each with the sessions that may end in it, by number.
 *
 * Lazy: a session that goes on stays in its tick, and is moved to the tick of its end when the time has come. So extending
 * a session costs nothing, and each is moved about once a gap. Not saved: it follows from the pane.
 */

/** Of a pane: so many that a watermark looks at few sessions that do not end. */
const TICKS = 1024;

/** Layers of a pane: a session's number is its slot times this, plus its layer. */
export const LAYERS = 8;

/** The ends of a pane's sessions: by layer, then slot. */
export type EndsByLayer = readonly Float64Array[];

function endAt(ends: EndsByLayer, session: number): number {
  return (ends[session & (LAYERS - 1)] as Float64Array)[session >>> 3] as number;
}

export class SessionEnds {
  readonly #start: number;
  readonly #tickMs: number;
  readonly #ticks: number[][] = Array.from({ length: TICKS }, () => []);
  /** By session: whether it is in a tick. */
  #waiting = new Uint8Array(64);
  /** Ticks below this are empty. */
  #first = TICKS;

  /** @param start the first end of the pane, @param spanMs how many there are. */
  constructor(start: number, spanMs: number) {
    this.#start = start;
    this.#tickMs = spanMs / TICKS;
  }

  isWaiting(session: number): boolean {
    return this.#waiting[session] === 1;
  }

  /** Does nothing when it is waiting. */
  addOnce(session: number, end: number): void {
    if (this.#waiting[session] === 1) return;
    if (session >= this.#waiting.length) {
      const longer = new Uint8Array(2 * session);
      longer.set(this.#waiting);
      this.#waiting = longer;
    }
    this.#waiting[session] = 1;
    this.#put(session, this.#tickOf(end));
  }

  /**
   * Takes out the sessions of the first tick in which some end at `upTo` or before, in order of their ends, then numbers;
   * empty when there are none. A session whose end is before the pane has been moved elsewhere.
   */
  take(upTo: number, ends: EndsByLayer): readonly number[] {
    const last = this.#tickOf(upTo);
    for (; this.#first <= last && this.#first < TICKS; this.#first++) {
      const due = this.#takeTick(this.#first, upTo, ends);
      if (due.length > 0) return due.sort((a, b) => endAt(ends, a) - endAt(ends, b) || a - b);
      if (this.#ticks[this.#first]?.length !== 0) break; // what is left ends later
    }
    return [];
  }

  #takeTick(tick: number, upTo: number, ends: EndsByLayer): number[] {
    const sessions = this.#ticks[tick] as number[];
    const due: number[] = [];
    let kept = 0;
    for (let i = 0; i < sessions.length; i++) {
      const session = sessions[i] as number;
      const end = endAt(ends, session);
      // Also one that is due has its turn in its own tick, among those that end with it.
      if (end >= this.#start && this.#tickOf(end) > tick) this.#put(session, this.#tickOf(end));
      else if (end > upTo) sessions[kept++] = session;
      else {
        this.#waiting[session] = 0;
        if (end >= this.#start) due.push(session);
      }
    }
    sessions.length = kept;
    return due;
  }

  #put(session: number, tick: number): void {
    this.#ticks[tick]?.push(session);
    if (tick < this.#first) this.#first = tick;
  }

  #tickOf(end: number): number {
    return Math.max(0, Math.min(TICKS - 1, Math.floor((end - this.#start) / this.#tickMs)));
  }
}
