/** Callbacks at times of the wall clock, in order of time; ties in order of adding. A binary heap. */

interface Entry {
  readonly timeMs: number;
  readonly serial: number;
  readonly callback: () => void;
}

export class CallbackQueue {
  readonly #heap: Entry[] = [];
  #serial = 0;

  add(timeMs: number, callback: () => void): void {
    const heap = this.#heap;
    const entry = { timeMs, serial: this.#serial++, callback };
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent] as Entry)) break;
      heap[at] = heap[parent] as Entry;
      at = parent;
    }
    heap[at] = entry;
  }

  /** The time of the first callback, or Infinity. */
  next(): number {
    return this.#heap[0]?.timeMs ?? Number.POSITIVE_INFINITY;
  }

  /** Runs what is due; true if anything was. */
  runDue(now: number): boolean {
    let ran = false;
    while (this.next() <= now) {
      ran = true;
      this.#pop().callback();
    }
    return ran;
  }

  #pop(): Entry {
    const heap = this.#heap;
    const first = heap[0] as Entry;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++;
      if (!isBefore(heap[child] as Entry, last)) break;
      heap[at] = heap[child] as Entry;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.serial < b.serial);
}
