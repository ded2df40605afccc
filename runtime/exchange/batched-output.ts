/**
 * The producing half that all channels share: when a batch is sent, what travels behind it, and what waits for credit.
 *
 * The law: elements are sent in the order of the calls. A watermark waits for the batch that is being filled and
 * travels with it; of several only the latest counts. A complete batch without credit stays where it was filled, so that
 * it is encoded once, when there is room for it; only what comes behind it nevertheless moves it to the overflow, where
 * elements wait in their order. A subclass says how records become a batch and how an element is sent.
 *
 *   filling ──complete, credit──► sent, filling the next
 *      └──complete, no credit──► held (blocked) ──drain, credit──► sent
 *                                   └──another record or signal──► overflow (blocked), filling the next
 */

import type { OutputChannel } from "./channel.ts";
import type { RingSignal } from "./ring-producer.ts";

export abstract class BatchedOutput<Element> implements OutputChannel {
  /** What waits for credit, oldest first; a held batch comes behind it. */
  #overflow: Element[] = [];
  /** The batch is complete and waits for credit. */
  #held = false;
  /** The watermark that waits to be sent, NaN if none. */
  #watermark = Number.NaN;
  blocked = false;
  records = 0;
  abstract readonly bytes: number;

  /** Appends the record; calls `makeRoom` before it if the output is blocked, and `complete` after it if the batch is full. */
  abstract write(value: unknown, timestamp: number): void;

  /** How many records the batch has that is being filled. */
  protected abstract readonly rows: number;
  /** Sends the batch, with the watermark behind it or NaN, and begins the next; "too large" when only `takeBatch` can. */
  protected abstract trySendBatch(watermark: number): "sent" | "no credit" | "too large";
  /** The batch as an element that can wait; begins the next. */
  protected abstract takeBatch(watermark: number): Element;
  /** `value`: the time of a watermark, the checkpoint of a barrier, NaN for the others. */
  protected abstract signal(signal: RingSignal, value: number): Element;
  /** Sends the element if there is credit. */
  protected abstract trySend(element: Element): boolean;

  watermark(timestamp: number): void {
    this.#watermark = timestamp;
  }

  idle(idle: boolean): void {
    this.#flushAll();
    this.#send(this.signal(idle ? "idle" : "active", Number.NaN));
  }

  barrier(checkpoint: number): void {
    this.#flushAll();
    this.#send(this.signal("barrier", checkpoint));
  }

  end(): void {
    this.#flushAll();
    this.#send(this.signal("end", Number.NaN));
  }

  flush(): void {
    // Behind an overflow the batch may still grow, and a later watermark replaces the one that waits.
    if (!this.blocked) this.#flushAll();
  }

  drain(): boolean {
    if (!this.blocked) return true;
    const overflow = this.#overflow;
    let sent = 0;
    while (sent < overflow.length && this.trySend(overflow[sent] as Element)) sent++;
    if (sent > 0) this.#overflow = overflow.slice(sent);
    this.blocked = this.#overflow.length > 0;
    if (this.#held && !this.blocked) {
      this.#held = false;
      this.#sendBatch();
    }
    return !this.blocked;
  }

  /** The batch is full, or has to be sent for another reason. */
  protected complete(): void {
    this.records += this.rows;
    if (this.blocked) this.#held = true;
    else this.#sendBatch();
  }

  /** Makes way for another record while the output is blocked. */
  protected makeRoom(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#overflow.push(this.takeBatch(this.#takeWatermark()));
  }

  /** REQUIRES: nothing waits before the batch. */
  #sendBatch(): void {
    const sent = this.trySendBatch(this.#watermark);
    if (sent === "sent") this.#watermark = Number.NaN;
    else if (sent === "too large") this.#send(this.takeBatch(this.#takeWatermark()));
    else {
      this.#held = true;
      this.blocked = true;
    }
  }

  #flushAll(): void {
    if (this.rows > 0 && !this.#held) this.complete();
    // The watermark behind a held batch travels with it.
    if (!Number.isNaN(this.#watermark) && !this.#held) this.#send(this.signal("watermark", this.#takeWatermark()));
  }

  #send(element: Element): void {
    this.makeRoom();
    if (!this.blocked && this.trySend(element)) return;
    this.#overflow.push(element);
    this.blocked = true;
  }

  #takeWatermark(): number {
    const watermark = this.#watermark;
    this.#watermark = Number.NaN;
    return watermark;
  }
}
