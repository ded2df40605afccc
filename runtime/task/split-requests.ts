/** Split requests of a slot's source readers that the control plane has not answered yet. */

import type { VertexId } from "../../core/ids.ts";
import type { DealtSplit, FromSlot } from "../protocol.ts";

export class SplitRequests {
  readonly #send: (message: FromSlot) => void;
  readonly #pending = new Map<string, (split: DealtSplit | undefined) => void>();

  constructor(send: (message: FromSlot) => void) {
    this.#send = send;
  }

  /** The next split, or undefined when there will be no more. REQUIRES: one request at a time for a subtask. */
  request(vertex: VertexId, subtask: number): Promise<DealtSplit | undefined> {
    return new Promise((resolve) => {
      this.#pending.set(`${vertex} ${subtask}`, resolve);
      this.#send({ kind: "requestSplit", vertex, subtask });
    });
  }

  receive(vertex: VertexId, subtask: number, split: DealtSplit | undefined): void {
    const key = `${vertex} ${subtask}`;
    const resolve = this.#pending.get(key);
    this.#pending.delete(key);
    resolve?.(split);
  }
}
