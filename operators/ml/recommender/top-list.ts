// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

/**
 * A bounded list of items, by score descending and item ascending. The order is total, so what a list holds does not
 * depend on the order of offers, nor on how they were grouped before.
 */

export class TopList {
  readonly items: Float64Array;
  readonly scores: Float64Array;
  length = 0;

  constructor(capacity: number) {
    this.items = new Float64Array(capacity);
    this.scores = new Float64Array(capacity);
  }

  clear(): void {
    this.length = 0;
  }

  /** Insertion from the back: most offers lose against the last entry at once. Returns whether the offer got in. */
  offer(item: number, score: number): boolean {
    const { items, scores } = this;
    let at = this.length;
    if (at === items.length) {
      if (!before(score, item, scores[at - 1]!, items[at - 1]!)) return false;
      at--;
    } else this.length++;
    while (at > 0 && before(score, item, scores[at - 1]!, items[at - 1]!)) {
      items[at] = items[at - 1]!;
      scores[at] = scores[at - 1]!;
      at--;
    }
    items[at] = item;
    scores[at] = score;
    return true;
  }
}

function before(score: number, item: number, otherScore: number, otherItem: number): boolean {
  return score > otherScore || (score === otherScore && item < otherItem);
}
