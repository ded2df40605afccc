// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

/**
 * The k best (score, candidate) of many offers, unordered: a binary heap with the worst on top, so that most offers
 * cost one comparison. Equal scores: the lower candidate wins, hence the set does not depend on the order of offers.
 */

export class Shortlist {
  readonly candidates: Int32Array;
  readonly scores: Float64Array;
  length = 0;

  constructor(capacity: number) {
    this.candidates = new Int32Array(capacity);
    this.scores = new Float64Array(capacity);
  }

  clear(): void {
    this.length = 0;
  }

  /** Returns the score that a later offer of a higher candidate must exceed. REQUIRES score > 0. */
  offer(candidate: number, score: number): number {
    const { candidates, scores } = this;
    if (this.length < candidates.length) {
      this.#up(this.length++, candidate, score);
    } else if (worse(scores[0]!, candidates[0]!, score, candidate)) {
      this.#down(candidate, score);
    }
    return this.length === candidates.length ? scores[0]! : 0;
  }

  #up(from: number, candidate: number, score: number): void {
    const { candidates, scores } = this;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!worse(score, candidate, scores[parent]!, candidates[parent]!)) break;
      scores[at] = scores[parent]!;
      candidates[at] = candidates[parent]!;
      at = parent;
    }
    scores[at] = score;
    candidates[at] = candidate;
  }

  /** Puts the newcomer in place of the worst. */
  #down(candidate: number, score: number): void {
    const { candidates, scores, length } = this;
    let at = 0;
    for (let child = 1; child < length; child = 2 * at + 1) {
      if (child + 1 < length && worse(scores[child + 1]!, candidates[child + 1]!, scores[child]!, candidates[child]!))
        child++;
      if (!worse(scores[child]!, candidates[child]!, score, candidate)) break;
      scores[at] = scores[child]!;
      candidates[at] = candidates[child]!;
      at = child;
    }
    scores[at] = score;
    candidates[at] = candidate;
  }
}

function worse(score: number, candidate: number, otherScore: number, otherCandidate: number): boolean {
  return score < otherScore || (score === otherScore && candidate > otherCandidate);
}
