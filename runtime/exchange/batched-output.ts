/**
 * The producing half that all channels share: when a batch is sent, what travels behind it, and what waits for credit.
 *
 * The law: elements are sent in the order of the calls. A watermark waits for the batch that is being filled and
 * travels with it; of several only the latest counts. What finds no credit waits in the overflow with all that comes
 * after it, until `drain`. A subclass says how records become a batch and how an element is sent.
 */

import type { OutputChannel } from "./channel.ts";
import type { RingSignal } from "./ring-producer.ts";

export abstract class BatchedOutput<Element> implements OutputChannel {
  /** What waits for credit, oldest first. */
  #overflow: Element[] = [];
  /** The watermark that waits to be sent, NaN if none. */
  #watermark = Number.NaN;
  blocked = false;
  records = 0;
  abstract readonly bytes: number;

  abstract write(value: unknown, timestamp: number): void;

  /** How many records the batch has that is being filled. */
  protected abstract readonly rows: number;
  /** The batch as an element with the watermark behind it, NaN if none, or undefined if it was sent at once; begins the next. */
  protected abstract takeBatch(watermark: number): Element | undefined;
  protected abstract signal(signal: RingSignal, watermark: number): Element;
  /** Sends the element if there is credit. */
  protected abstract trySend(element: Element): boolean;

  watermark(timestamp: number): void {
    this.#watermark = timestamp;
  }

  idle(idle: boolean): void {
    this.#flushAll();
    this.#send(this.signal(idle ? "idle" : "active", Number.NaN));
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
    const overflow = this.#overflow;
    let sent = 0;
    while (sent < overflow.length && this.trySend(overflow[sent] as Element)) sent++;
    if (sent > 0) this.#overflow = overflow.slice(sent);
    this.blocked = this.#overflow.length > 0;
    return !this.blocked;
  }

  /** Sends the batch with the watermark that waits. */
  protected sendBatch(): void {
    this.records += this.rows;
    const element = this.takeBatch(this.#takeWatermark());
    if (element !== undefined) this.#send(element);
  }

  #flushAll(): void {
    if (this.rows > 0) this.sendBatch();
    if (!Number.isNaN(this.#watermark)) this.#send(this.signal("watermark", this.#takeWatermark()));
  }

  #send(element: Element): void {
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
