/** Rows and text that a slot hands to whoever runs the job, until the other side says that it has them. */

import type { FromSlot } from "../protocol.ts";

export class HandedOver {
  readonly #send: (message: FromSlot) => void;
  readonly #unanswered = new Map<number, () => void>();
  #serial = 0;

  constructor(send: (message: FromSlot) => void) {
    this.#send = send;
  }

  /** Resolves when the other side has the rows. */
  collect(operator: string, rows: readonly unknown[]): Promise<void> {
    return this.#handOver((serial) => ({ kind: "collect", operator, rows, serial }));
  }

  /** Resolves when the other side has the text. */
  print(stream: "stdout" | "stderr", text: string): Promise<void> {
    return this.#handOver((serial) => ({ kind: "printed", stream, text, serial }));
  }

  received(serial: number): void {
    this.#unanswered.get(serial)?.();
    this.#unanswered.delete(serial);
  }

  #handOver(message: (serial: number) => FromSlot): Promise<void> {
    const serial = ++this.#serial;
    const received = new Promise<void>((resolve) => this.#unanswered.set(serial, resolve));
    this.#send(message(serial));
    return received;
  }
}
