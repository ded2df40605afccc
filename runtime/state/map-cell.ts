/**
 * What maps of state are kept in, with what a checkpoint has to know: since which epoch the whole of it has changed, and
 * which elements have changed since. Only handles and captures see cells; users get copies.
 *
 * Elements of states that age (`ageing.ts`) have stamps beside them; other cells have none.
 */

import type { Epochs } from "./epochs.ts";
import { oldestOf } from "./list-cells.ts";
import type { MapKey } from "./map-key.ts";

/** How a block's element changes a map. */
export const mapOps = { remove: 0, change: 1, moveToEnd: 2 } as const;

/** What a block says about one key's map: all of it (`whole`), or what to do to what was. */
export interface MapChange {
  readonly whole: boolean;
  readonly keys: readonly MapKey[];
  readonly ops: readonly number[];
  readonly values: readonly unknown[];
  readonly stamps: readonly number[] | undefined;
}

interface ElementChange {
  /** The epoch in which the element came to the map's end, or −1: before the log. */
  readonly insertedAt: number;
  changedAt: number;
  readonly removed: boolean;
}

/** Smaller maps are saved whole: a log of their elements would cost more than it saves. */
const LOGGED_SIZE_MIN = 32;

export class MapCell {
  readonly map: Map<MapKey, unknown>;
  stamps: Map<MapKey, number> | undefined;
  #wholeAt: number;
  /** Changes of elements since, in an order in which inserted ones keep theirs. */
  #log: Map<MapKey, ElementChange> | undefined;
  #loggedAt = 0;

  constructor(map: Map<MapKey, unknown>, stamps: Map<MapKey, number> | undefined, epoch: number) {
    this.map = map;
    this.stamps = stamps;
    this.#wholeAt = epoch;
  }

  put(key: MapKey, value: unknown, stamp: number, epoch: number, confirmed: number): void {
    const inserted = !this.map.has(key);
    this.map.set(key, value);
    this.stamps?.delete(key); // so that stamps stand in the order of their setting
    this.stamps?.set(key, stamp);
    const log = this.#openLog(epoch, confirmed);
    const logged = log?.get(key);
    if (inserted) {
      log?.delete(key);
      log?.set(key, { insertedAt: epoch, changedAt: epoch, removed: false });
    } else if (logged !== undefined) logged.changedAt = epoch;
    else log?.set(key, { insertedAt: -1, changedAt: epoch, removed: false });
  }

  remove(key: MapKey, epoch: number, confirmed: number): void {
    this.map.delete(key);
    this.stamps?.delete(key);
    this.#openLog(epoch, confirmed)?.set(key, { insertedAt: -1, changedAt: epoch, removed: true });
  }

  /** The log, if changes of this epoch are logged. */
  #openLog(epoch: number, confirmed: number): Map<MapKey, ElementChange> | undefined {
    if (this.#wholeAt === epoch) return undefined;
    if (this.map.size < LOGGED_SIZE_MIN || (this.#log !== undefined && this.#log.size > this.map.size)) {
      this.#wholeAt = epoch;
      this.#log = undefined;
      return undefined;
    }
    if (this.#log === undefined || this.#loggedAt <= confirmed) this.#log = new Map();
    this.#loggedAt = epoch;
    return this.#log;
  }

  /** All of it as plain data, and back. */
  toPlain() {
    return { map: this.map, stamps: this.stamps, wholeAt: this.#wholeAt, log: this.#log, loggedAt: this.#loggedAt };
  }

  static fromPlain(plain: ReturnType<MapCell["toPlain"]>, keep: (value: unknown) => unknown): MapCell {
    for (const [key, value] of plain.map) plain.map.set(key, keep(value));
    const cell = new MapCell(plain.map, plain.stamps, plain.wholeAt);
    cell.#log = plain.log;
    cell.#loggedAt = plain.loggedAt;
    return cell;
  }

  stampAll(stamp: number | undefined): void {
    this.stamps = stamp === undefined ? undefined : new Map([...this.map.keys()].map((key) => [key, stamp]));
  }

  /** Whether an element, or only the one stamped first unless `thorough`, is over. */
  hasOver(over: (stamp: number) => boolean, thorough: boolean): boolean {
    for (const stamp of this.stamps?.values() ?? []) {
      if (over(stamp)) return true;
      if (!thorough) return false;
    }
    return false;
  }

  /** No element has an earlier stamp; −Infinity where many would have to be looked at. */
  oldestStamp(): number {
    return oldestOf(this.stamps?.values() ?? [], this.map.size);
  }

  /** Removes what is over, up to the first that is not unless `thorough`. True when nothing is left. */
  expire(over: (stamp: number) => boolean, thorough: boolean, { current, confirmed }: Epochs): boolean {
    for (const [key, stamp] of this.stamps ?? []) {
      if (over(stamp)) this.remove(key, current, confirmed);
      else if (!thorough) break;
    }
    return this.map.size === 0;
  }

  /** What has changed after an epoch, as a copy. */
  changesAfter(epoch: number): MapChange {
    return this.#wholeAt > epoch ? this.#whole() : this.#logged(epoch);
  }

  #whole(): MapChange {
    const keys = [...this.map.keys()];
    return {
      whole: true,
      keys,
      ops: new Array(keys.length).fill(mapOps.moveToEnd),
      values: [...this.map.values()],
      stamps: this.stamps === undefined ? undefined : keys.map((key) => this.stamps?.get(key) as number),
    };
  }

  #logged(epoch: number): MapChange {
    const keys: MapKey[] = [];
    const ops: number[] = [];
    for (const [key, { insertedAt, changedAt, removed }] of this.#log ?? []) {
      if (changedAt <= epoch) continue;
      keys.push(key);
      ops.push(removed ? mapOps.remove : insertedAt > epoch ? mapOps.moveToEnd : mapOps.change);
    }
    return {
      whole: false,
      keys,
      ops,
      values: keys.map((key) => this.map.get(key)),
      stamps: this.stamps === undefined ? undefined : keys.map((key) => this.stamps?.get(key) ?? 0),
    };
  }
}
