/** The trace of a run as a number: two runs with the same trace did the same at the same moments. Two FNV-1a hashes. */

const PRIME = 0x01000193;

export class Trace {
  #low = 0x811c9dc5;
  #high = 0x6c62272e;
  events = 0;

  add(label: string, atMs: number): void {
    this.events++;
    let low = this.#low ^ (atMs * 1024);
    let high = this.#high ^ atMs;
    for (let i = 0; i < label.length; i++) {
      const code = label.charCodeAt(i);
      low = Math.imul(low ^ code, PRIME);
      high = Math.imul(high ^ (code + i), PRIME);
    }
    this.#low = low;
    this.#high = high;
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    return [this.#high, this.#low].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }
}
