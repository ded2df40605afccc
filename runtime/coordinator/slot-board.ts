/** The slots of all workers and what each of them is taken by. */

import { assert } from "../../core/assert.ts";
import type { AttemptId, WorkerId } from "../cluster-ids.ts";
import { freeSlot, nextSlot, type SlotEvent, type SlotLife } from "./slot-life.ts";

export class SlotBoard {
  readonly #slots = new Map<WorkerId, SlotLife[]>();

  /** REQUIRES: the worker's slots of an earlier epoch were removed. */
  add(worker: WorkerId, slots: number): void {
    assert(!this.#slots.has(worker), `worker ${worker} has slots already`);
    this.#slots.set(worker, new Array<SlotLife>(slots).fill(freeSlot));
  }

  /** Its slots are lost. */
  remove(worker: WorkerId): void {
    this.#slots.delete(worker);
  }

  count(worker: WorkerId, kind?: SlotLife["kind"]): number {
    const slots = this.#slots.get(worker) ?? [];
    return kind === undefined ? slots.length : slots.filter((slot) => slot.kind === kind).length;
  }

  /** REQUIRES: the worker has a free slot. */
  reserve(worker: WorkerId, attempt: AttemptId, slot: number): void {
    const slots = this.#slots.get(worker);
    const at = slots?.findIndex((each) => each.kind === "free") ?? -1;
    assert(slots !== undefined && at >= 0, `worker ${worker} has no free slot for ${attempt}`);
    slots[at] = nextSlot(slots[at] as SlotLife, { kind: "reserve", attempt, slot });
  }

  /** Applies the event to the slots that the attempt has on any worker. */
  forAttempt(kind: Exclude<SlotEvent["kind"], "reserve" | "lost">, attempt: AttemptId): void {
    for (const slots of this.#slots.values()) {
      for (const [at, slot] of slots.entries()) slots[at] = nextSlot(slot, { kind, attempt });
    }
  }

  /** As `forAttempt`, for one slot of the execution graph. */
  forSlot(kind: "running" | "ended", worker: WorkerId, attempt: AttemptId, slot: number): void {
    const slots = this.#slots.get(worker) ?? [];
    const at = slots.findIndex((each) => "attempt" in each && each.attempt === attempt && each.slot === slot);
    if (at >= 0) slots[at] = nextSlot(slots[at] as SlotLife, { kind, attempt });
  }

  /** Every attempt that has a slot, once a slot. */
  taken(): readonly { readonly worker: WorkerId; readonly attempt: AttemptId; readonly slot: number }[] {
    return [...this.#slots].flatMap(([worker, slots]) =>
      slots.flatMap((each) => ("attempt" in each ? [{ worker, attempt: each.attempt, slot: each.slot }] : [])),
    );
  }
}
