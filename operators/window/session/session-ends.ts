/**
 * When the sessions of a pane end: a wheel of ticks, each with the slots that may end in it.
 *
 * Lazy: a session that goes on stays in its tick, and is moved to the tick of its end when the time has come. So extending
 * a session costs nothing, and each is moved about once a gap. Not saved: it follows from the pane.
 */

/** Of a gap: so many that a watermark looks at few sessions that do not end. */
const TICKS = 256;

const NO_SLOTS = new Int32Array(0);

export class SessionEnds {
  readonly #start: number;
  readonly #tickMs: number;
  readonly #slots: Int32Array[] = new Array(TICKS).fill(NO_SLOTS);
  readonly #counts = new Int32Array(TICKS);
  /** By slot: whether it is in a tick. */
  #waiting = new Uint8Array(64);
  /** Ticks below this are empty. */
  #first = TICKS;

  /** @param start the first end of the pane, @param gapMs how many there are. */
  constructor(start: number, gapMs: number) {
    this.#start = start;
    this.#tickMs = gapMs / TICKS;
  }

  isWaiting(slot: number): boolean {
    return this.#waiting[slot] === 1;
  }

  /** REQUIRES: it is not waiting. */
  add(slot: number, end: number): void {
    if (slot >= this.#waiting.length) {
      const longer = new Uint8Array(2 * slot);
      longer.set(this.#waiting);
      this.#waiting = longer;
    }
    this.#waiting[slot] = 1;
    this.#put(slot, this.#tickOf(end));
  }

  /**
   * Takes out the slots of the first tick in which sessions end at `upTo` or before, in order of their ends, then slots;
   * empty when there are none. A session whose end is below that of the pane has been moved elsewhere.
   */
  take(upTo: number, ends: Float64Array): readonly number[] {
    const last = this.#tickOf(upTo);
    for (; this.#first <= last && this.#first < TICKS; this.#first++) {
      const due = this.#takeTick(this.#first, upTo, ends);
      if (due.length > 0) return due.sort((a, b) => (ends[a] as number) - (ends[b] as number) || a - b);
      if (this.#counts[this.#first] !== 0) break; // what is left ends later
    }
    return [];
  }

  #takeTick(tick: number, upTo: number, ends: Float64Array): number[] {
    const slots = this.#slots[tick] as Int32Array;
    const count = this.#counts[tick] as number;
    const due: number[] = [];
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const slot = slots[i] as number;
      const end = ends[slot] as number;
      if (end > upTo && this.#tickOf(end) === tick) slots[kept++] = slot;
      else if (end > upTo) this.#put(slot, this.#tickOf(end));
      else {
        this.#waiting[slot] = 0;
        if (end >= this.#start) due.push(slot);
      }
    }
    this.#counts[tick] = kept;
    return due;
  }

  #put(slot: number, tick: number): void {
    const count = this.#counts[tick] as number;
    let slots = this.#slots[tick] as Int32Array;
    if (count === slots.length) {
      slots = new Int32Array(Math.max(8, 2 * count));
      slots.set(this.#slots[tick] as Int32Array);
      this.#slots[tick] = slots;
    }
    slots[count] = slot;
    this.#counts[tick] = count + 1;
    if (tick < this.#first) this.#first = tick;
  }

  #tickOf(end: number): number {
    return Math.max(0, Math.min(TICKS - 1, Math.floor((end - this.#start) / this.#tickMs)));
  }
}
