/**
 * The rows of timers as blocks hold them. The block's name is the domain; the columns behind the keys are times, orders (of
 * two timers the one with the lower order was registered first), and whether the timer is set or, a tombstone, gone.
 */

import { encodeKey, type Key } from "../../core/key.ts";
import type { KeyGroupRange } from "../../core/key-group.ts";
import type { TimerDomain } from "../../core/operator.ts";
import { BlockRows } from "./block-rows.ts";
import type { Steps } from "./capture.ts";
import type { Column } from "./column-codec.ts";
import { RowsByGroup } from "./rows-by-group.ts";
import { type ColumnPlan, corrupt, groupsOf, type OpenBlock, openBlock, rowsWithin, shapeOf } from "./state-block.ts";

export interface SavedTimer {
  readonly domain: TimerDomain;
  readonly keyGroup: number;
  readonly key: Key;
  readonly time: number;
  readonly order: number;
  readonly isSet: boolean;
}

/** Collects timers in any order and cuts them into blocks by key group. */
export class TimerRows {
  readonly #out: TimerBlocks;
  readonly #byGroup = new RowsByGroup();
  readonly #timers: (readonly [key: Key, time: number, order: number, isSet: boolean])[] = [];

  constructor(domain: TimerDomain, operator: string, cutAtGroups: boolean) {
    this.#out = new TimerBlocks(domain, shapeOf("timers"), operator, cutAtGroups);
  }

  add(keyGroup: number, key: Key, time: number, order: number, isSet: boolean): void {
    this.#byGroup.add(keyGroup, this.#timers.length);
    this.#timers.push([key, time, order, isSet]);
  }

  *blocks(): Steps {
    const { rows, groups } = yield* this.#byGroup.sorted();
    for (let i = 0; i < rows.length; i++) {
      const group = groups[i] as number;
      if (this.#out.isFullFor(group)) yield this.#out.cut();
      const [key, time, order, isSet] = this.#timers[rows[i] as number] as [Key, number, number, boolean];
      this.#out.add(group, key, time, order, isSet);
    }
    if (!this.#out.isEmpty) yield this.#out.cut();
  }
}

class TimerBlocks extends BlockRows {
  #times: number[] = [];
  #orders: number[] = [];
  #set: boolean[] = [];

  protected get weight(): number {
    return this.#times.length;
  }

  add(group: number, key: Key, time: number, order: number, isSet: boolean): void {
    this.addKey(group, key);
    this.#times.push(time);
    this.#orders.push(order);
    this.#set.push(isSet);
  }

  protected takeColumns(): readonly Column[] {
    const columns = [this.#times, this.#orders, this.#set];
    this.#times = [];
    this.#orders = [];
    this.#set = [];
    return columns;
  }
}

export const timersPlan: ColumnPlan = { keys: true, read: (next, { rows }) => [next(rows), next(rows), next(rows)] };

export function* readTimers(block: OpenBlock, range: KeyGroupRange): Generator<SavedTimer> {
  const [times, orders, set] = block.columns as [Column, Column, Column];
  const groups = groupsOf(block);
  const [from, to] = rowsWithin(block, range);
  for (let row = from; row < to; row++) {
    yield {
      domain: block.header.name as TimerDomain,
      keyGroup: groups[row] as number,
      key: block.keys[row] as Key,
      time: times[row] as number,
      order: orders[row] as number,
      isSet: set[row] as boolean,
    };
  }
}

/** What blocks say of timers, one behind the other: later ones hold. */
export class TimerFold {
  readonly #operator: string;
  readonly #range: KeyGroupRange;
  readonly #timers = new Map<string, SavedTimer>();

  constructor(operator: string, range: KeyGroupRange) {
    this.#operator = operator;
    this.#range = range;
  }

  /** @param repeats whether a block may say something of a timer that is there. @throws STATE_CORRUPT */
  restoreBlock(block: Uint8Array, where: string, repeats: "refused" | "allowed" = "allowed"): void {
    const opened = openBlock(block, timersPlan, where, this.#operator);
    for (const timer of readTimers(opened, this.#range)) {
      const { domain, key, time } = timer;
      const id = `${domain} ${time} ${encodeKey(key, this.#operator)}`;
      if (repeats === "refused" && this.#timers.has(id))
        throw corrupt(this.#operator, `the ${domain} timer of the key ${String(key)} at ${time} is held twice`);
      this.#timers.delete(id);
      if (timer.isSet) this.#timers.set(id, timer);
    }
  }

  /** By order of registration, as far as their subtasks' orders tell. */
  timers(): readonly SavedTimer[] {
    return [...this.#timers.values()].sort((a, b) => a.order - b.order || a.keyGroup - b.keyGroup);
  }

  *blocks(): Steps {
    for (const domain of ["event", "processing"] as const) {
      const rows = new TimerRows(domain, this.#operator, false);
      for (const { domain: of, keyGroup, key, time, order } of this.timers())
        if (of === domain) rows.add(keyGroup, key, time, order, true);
      yield* rows.blocks();
    }
  }
}
