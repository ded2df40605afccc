/** A checkpoint store as a slot sees it: whoever owns the store answers by the slot's port. Only reading is possible. */

import { MillraceError } from "../../core/errors.ts";
import { fromErrorReport } from "../error-report.ts";
import type { FromSlot, ToSlot } from "../protocol.ts";
import {
  BLOCKS_READ_AHEAD,
  type BlockPlace,
  type CheckpointName,
  type CheckpointReads,
} from "../state/checkpoint-store.ts";

type Found = readonly (Uint8Array | null)[];

export class StoredCheckpoint implements CheckpointReads {
  readonly #send: (message: FromSlot) => void;
  readonly #unanswered = new Map<number, PromiseWithResolvers<Found>>();
  #serial = 0;
  #closed = false;

  constructor(send: (message: FromSlot) => void) {
    this.#send = send;
  }

  receive({ serial, found, error }: Extract<ToSlot, { kind: "stored" }>): void {
    const asked = this.#unanswered.get(serial);
    this.#unanswered.delete(serial);
    if (error === null) asked?.resolve(found);
    else asked?.reject(fromErrorReport(error));
  }

  /** Nothing will be answered any more. */
  close(): void {
    this.#closed = true;
    for (const asked of this.#unanswered.values()) asked.reject(cancelled());
    this.#unanswered.clear();
  }

  async readManifest(checkpoint: CheckpointName): Promise<Uint8Array | undefined> {
    const [manifest] = await this.#ask((serial) => ({ kind: "readManifest", serial, checkpoint }));
    return manifest ?? undefined;
  }

  async *readBlocks(places: readonly BlockPlace[]): AsyncGenerator<Uint8Array | undefined> {
    const read = (at: number): Promise<Found> | undefined => {
      const some = places.slice(at, at + BLOCKS_READ_AHEAD);
      return some.length === 0 ? undefined : this.#ask((serial) => ({ kind: "readBlocks", serial, places: some }));
    };
    let next = read(0);
    for (let at = BLOCKS_READ_AHEAD; next !== undefined; at += BLOCKS_READ_AHEAD) {
      const found: Found = await next;
      // Whoever has the store reads the next ones while these are used; a failure shows when it is their turn.
      next = read(at);
      next?.catch(() => {});
      for (const block of found) yield block ?? undefined;
    }
  }

  #ask(message: (serial: number) => FromSlot): Promise<Found> {
    if (this.#closed) return Promise.reject(cancelled());
    const serial = ++this.#serial;
    const asked = Promise.withResolvers<Found>();
    this.#unanswered.set(serial, asked);
    this.#send(message(serial));
    return asked.promise;
  }
}

function cancelled(): MillraceError {
  return new MillraceError("CANCELLED", "the job was cancelled while it was restored");
}
