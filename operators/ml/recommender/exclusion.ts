// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

/** Scratch of one thread: which candidates the user of the event has had. Shards take turns with it. */

export class Exclusion {
  #at = new Int32Array(0);
  #stamp = 0;

  /** Forgets the last event; room for `candidates`. */
  begin(candidates: number): void {
    this.#stamp = (this.#stamp + 1) | 0;
    if (candidates <= this.#at.length) return;
    this.#at = new Int32Array(candidates * 2);
    this.#stamp = 1;
  }

  addAll(candidates: readonly number[]): void {
    const at = this.#at;
    const stamp = this.#stamp;
    for (let i = 0; i < candidates.length; i++) at[candidates[i]!] = stamp;
  }

  has(candidate: number): boolean {
    return this.#at[candidate] === this.#stamp;
  }
}
