/**
 * Up to which watermark windows have fired, by key group, so that a restored operator fires none twice.
 *
 * When key groups of subtasks that had come differently far meet in one subtask, it begins at the least progress, and those
 * that are ahead keep silent until the others have caught up. State: table "fired", a number for each key group.
 */

import { hashKey, type Key } from "../../core/key.ts";
import { keyGroupOf } from "../../core/key-group.ts";
import type { OperatorContext } from "../../core/operator.ts";
import type { StatePane } from "../../core/state-backend.ts";

/** The progress of restored key groups, and of the one that had come furthest. */
interface Ahead {
  readonly last: number;
  readonly progress: ReadonlyMap<number, number>;
}

export class FiredProgress {
  /** After restoring: the least progress of the own key groups. */
  readonly least: number;
  /** After restoring: the progress of those that had come furthest. */
  readonly most: number;
  readonly #context: OperatorContext;
  readonly #fired: StatePane;
  /** Restored key groups that are ahead of the others: their progress, as long as it matters. */
  #ahead: Ahead | undefined;

  constructor(context: OperatorContext) {
    this.#context = context;
    this.#fired = context.state.table("fired", { numbers: 1, values: false, keyGroup: "key" }).pane(0);
    const { size } = this.#fired;
    const progress = [...(this.#fired.numbers[0] as Float64Array).subarray(0, size)];
    this.least = size === 0 ? Number.NEGATIVE_INFINITY : Math.min(...progress);
    this.most = size === 0 ? Number.NEGATIVE_INFINITY : Math.max(...progress);
    if (this.most > this.least) {
      this.#ahead = {
        last: this.most,
        progress: new Map(progress.map((time, slot) => [this.#fired.keyAt(slot) as number, time])),
      };
    }
  }

  /** Whether some key groups are ahead. */
  get isUneven(): boolean {
    return this.#ahead !== undefined;
  }

  /** The restored progress of a key's group, where some are ahead. */
  of(key: Key): number {
    if (this.#ahead === undefined) return Number.NEGATIVE_INFINITY;
    const { operator, keyGroupCount } = this.#context;
    const group = keyGroupOf(hashKey(key, operator), keyGroupCount);
    return this.#ahead.progress.get(group) ?? Number.NEGATIVE_INFINITY;
  }

  /** All key groups have come to a watermark. */
  reached(watermark: number): void {
    if (this.#ahead !== undefined && this.#ahead.last <= watermark) this.#ahead = undefined;
  }

  /** Keeps it for a snapshot. */
  save(firedUpTo: number): void {
    const { first, last } = this.#context.state.keyGroups;
    for (let group = first; group <= last; group++) {
      const slot = this.#fired.slotOf(group);
      const progress = Math.max(firedUpTo, this.#ahead?.progress.get(group) ?? Number.NEGATIVE_INFINITY);
      (this.#fired.numbers[0] as Float64Array)[slot] = progress;
    }
  }
}
