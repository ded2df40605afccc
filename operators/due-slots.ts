/**
 * Slots by the times at which there is something to do: a binary heap in two flat arrays.
 *
 * The law: a slot that is due by some time comes out by then. One may be in the heap several times, when it became due
 * earlier than it was before; only the earliest counts, and the others are passed over. Computed from state, not part of it.
 */

const NEVER = Number.POSITIVE_INFINITY;

export class DueSlots {
  #times = new Float64Array(64);
  #slots = new Int32Array(64);
  #size = 0;
  /** By slot: the time of its entry that counts. */
  #dueAt = new Float64Array(64).fill(NEVER);

  /** No slot is due before. */
  get earliest(): number {
    return this.#size === 0 ? NEVER : (this.#times[0] as number);
  }

  /** The slot is due at this time, or earlier if it was. */
  add(slot: number, time: number): void {
    if (time === NEVER) return;
    if (slot >= this.#dueAt.length) this.#dueAt = longer(this.#dueAt, 2 * slot, NEVER);
    if (time >= (this.#dueAt[slot] as number)) return;
    this.#dueAt[slot] = time;
    this.#push(slot, time);
  }

  /** Takes out a slot that is due by this time; -1: there is none. */
  take(time: number): number {
    while (this.earliest <= time && this.#size > 0) {
      const at = this.#times[0] as number;
      const slot = this.#slots[0] as number;
      this.#dropFirst();
      if (at !== this.#dueAt[slot]) continue;
      this.#dueAt[slot] = NEVER;
      return slot;
    }
    return -1;
  }

  clear(): void {
    this.#size = 0;
    this.#dueAt.fill(NEVER);
  }

  #push(slot: number, time: number): void {
    if (this.#size === this.#slots.length) {
      this.#times = longer(this.#times, 2 * this.#size, 0);
      const slots = new Int32Array(2 * this.#size);
      slots.set(this.#slots);
      this.#slots = slots;
    }
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((this.#times[parent] as number) <= time) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#times[at] = time;
    this.#slots[at] = slot;
  }

  #dropFirst(): void {
    const last = --this.#size;
    const time = this.#times[last] as number;
    let at = 0;
    for (let child = 1; child < last; child = 2 * at + 1) {
      if (child + 1 < last && (this.#times[child + 1] as number) < (this.#times[child] as number)) child++;
      if ((this.#times[child] as number) >= time) break;
      this.#move(child, at);
      at = child;
    }
    this.#times[at] = time;
    this.#slots[at] = this.#slots[last] as number;
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from] as number;
    this.#slots[to] = this.#slots[from] as number;
  }
}

function longer(from: Float64Array<ArrayBuffer>, length: number, fill: number): Float64Array<ArrayBuffer> {
  const to = new Float64Array(length).fill(fill, from.length);
  to.set(from);
  return to;
}
