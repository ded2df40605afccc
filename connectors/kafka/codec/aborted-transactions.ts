/**
 * Which batches of a fetch belong to transactions that were aborted, for readers of committed records only.
 *
 * The broker names each aborted transaction that touches the fetched range by its producer and the offset of its first
 * record, those that began before the range included, in the order of their markers. Per producer transactions follow one
 * another, and the marker of each stands in the log:
 *
 *   1. Before a batch is judged, every transaction that began at or before its last offset is open.
 *   2. An abort marker of a producer ends its open transaction.
 *   3. A transactional batch of a producer with an open transaction is aborted.
 *
 * So several transactions of one producer in one fetch, aborted ones between committed ones, transactions that end in
 * another order than they began, and ones longer than a fetch all come out right. The list is of one fetch and must not be
 * taken over to the next. This is what the Java consumer does.
 */

import type { BatchHeader } from "./batch-header.ts";

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export class AbortedTransactions {
  /** Not yet begun, in the order of their first offsets. */
  readonly #waiting: readonly AbortedTransaction[];
  #next = 0;
  readonly #open = new Set<number>();

  constructor(transactions: readonly AbortedTransaction[]) {
    this.#waiting = [...transactions].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Whether the batch's records are void. REQUIRES: batches come in the order of their offsets, each once. */
  isAborted(batch: BatchHeader, isAbortMarker: boolean): boolean {
    if (batch.producerId < 0) return false;
    for (let each = this.#waiting[this.#next]; each !== undefined; each = this.#waiting[this.#next]) {
      if (each.firstOffset > batch.lastOffset) break;
      this.#open.add(each.producerId);
      this.#next++;
    }
    if (isAbortMarker) this.#open.delete(batch.producerId);
    return batch.transactional && this.#open.has(batch.producerId);
  }
}
