/** An output that keeps what comes, in order, and is without credit after every n-th record until it is asked to send. */

import type { OutputChannel } from "../exchange/channel.ts";

export type OutputElement<T> =
  | { readonly kind: "record"; readonly value: T; readonly timestamp: number }
  | { readonly kind: "watermark"; readonly timestamp: number }
  | { readonly kind: "barrier"; readonly checkpoint: number }
  | { readonly kind: "idle" | "active" | "end" };

export class RecordedOutput<T> implements OutputChannel {
  elements: OutputElement<T>[] = [];
  blocked = false;
  records = 0;
  readonly bytes = 0;
  readonly #blockEvery: number;

  constructor(blockEvery: number) {
    this.#blockEvery = blockEvery;
  }

  write(value: unknown, timestamp: number): void {
    this.elements.push({ kind: "record", value: value as T, timestamp });
    this.records++;
    if (this.records % this.#blockEvery === 0) this.blocked = true;
  }

  watermark(timestamp: number): void {
    this.elements.push({ kind: "watermark", timestamp });
  }

  idle(idle: boolean): void {
    this.elements.push({ kind: idle ? "idle" : "active" });
  }

  barrier(checkpoint: number): void {
    this.elements.push({ kind: "barrier", checkpoint });
  }

  end(): void {
    this.elements.push({ kind: "end" });
  }

  flush(): void {}

  drain(): boolean {
    this.blocked = false;
    return true;
  }
}
