/**
 * topN of a batch: the best rows of a key, inserted from the best to the worst when all of its records have come. Of rows that
 * are equally good, the one whose last version is earlier comes first. The changes have the time of the key's last record.
 *
 * State: none but the rows of the key at hand: the best n, or all where they have ids and may get worse. Cost: O(log n) a
 * record, O(n) for one that is among the best; with ids O(1), and sorting a key's rows in the end.
 */

import { inserted } from "../../core/changelog.ts";
import { encodeKey, type Key, sameKey } from "../../core/key.ts";
import type { Operator, OperatorContext } from "../../core/operator.ts";
import { placeFor, type TopNSpec } from "../../core/top-n.ts";
import { type RowOrder, rowOrder } from "../row-order.ts";

export class FinalTopN implements Operator {
  readonly #spec: TopNSpec;
  readonly #context: OperatorContext;
  readonly #order: RowOrder;
  #key: Key | undefined;
  /** Without ids: the best, in order. */
  #best: unknown[] = [];
  /** With ids: the last version of each row, in the order of these. */
  readonly #rows = new Map<string, unknown>();
  #timestamp = 0;

  constructor(spec: TopNSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#order = rowOrder(spec, context);
  }

  process(value: unknown, timestamp: number): void {
    const key = this.#spec.key.select(value);
    if (this.#key === undefined || !sameKey(key, this.#key, this.#context.operator)) this.#emit();
    this.#key = key;
    this.#timestamp = timestamp;
    if (this.#spec.id === undefined) this.#place(value);
    else {
      const id = this.#idOf(this.#spec.id, value);
      this.#rows.delete(id); // so that it stands behind all others
      this.#rows.set(id, value);
    }
  }

  watermark(timestamp: number): void {
    this.#emit();
    this.#key = undefined;
    this.#context.output.watermark(timestamp);
  }

  #place(row: unknown): void {
    const place = placeFor(this.#order.isBetter, this.#best, row);
    if (place >= this.#spec.n) return;
    this.#best.splice(place, 0, row);
    if (this.#best.length > this.#spec.n) this.#best.pop();
  }

  /** What tells the row apart, as text, so that equal keys are the same. */
  #idOf(id: (row: unknown) => Key, row: unknown): string {
    try {
      return encodeKey(id(row), this.#context.operator);
    } catch (error) {
      throw this.#context.failure(error, row);
    }
  }

  #emit(): void {
    for (const row of this.#rows.values()) this.#place(row);
    const { ranks } = this.#spec;
    this.#best.forEach((value, at) => {
      this.#context.output.push(inserted(ranks ? { rank: at + 1, value } : value), this.#timestamp);
    });
    this.#best = [];
    this.#rows.clear();
  }
}
