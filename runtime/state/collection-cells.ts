/**
 * What lists and maps of state are kept in, with what a checkpoint has to know: since which epoch the whole of it has
 * changed, and which elements have changed since. Only handles and captures see cells; users get copies.
 *
 * Elements of states that age (`ageing.ts`) have stamps beside them; other cells have none.
 */

import type { Epochs } from "./epochs.ts";
import type { MapKey } from "./map-key.ts";

/** What a block says about one key's list, from position `from` on, where it stays what it was. */
export interface ListChange {
  readonly from: number;
  readonly values: readonly unknown[];
  readonly stamps: readonly number[] | undefined;
}

export class ListCell {
  values: unknown[];
  stamps: number[] | undefined;
  /** The epoch of the last change other than adding. */
  #wholeAt: number;
  /** For each epoch since, in which elements were added: the epoch, and the length before. */
  #lengths: number[] = [];

  constructor(values: unknown[], stamps: number[] | undefined, epoch: number) {
    this.values = values;
    this.stamps = stamps;
    this.#wholeAt = epoch;
  }

  add(value: unknown, stamp: number, epoch: number, confirmed: number): void {
    const lengths = this.#lengths;
    if (lengths.length === 0 || lengths[lengths.length - 2] !== epoch) {
      while (lengths.length > 0 && (lengths[0] as number) <= confirmed) lengths.splice(0, 2);
      lengths.push(epoch, this.values.length);
    }
    this.values.push(value);
    this.stamps?.push(stamp);
  }

  replace(values: unknown[], stamps: number[] | undefined, epoch: number): void {
    this.values = values;
    this.stamps = stamps;
    this.#wholeAt = epoch;
    this.#lengths = [];
  }

  /** All of it as plain data, and back. */
  toPlain() {
    return { values: this.values, stamps: this.stamps, wholeAt: this.#wholeAt, lengths: this.#lengths };
  }

  static fromPlain(plain: ReturnType<ListCell["toPlain"]>, keep: (value: unknown) => unknown): ListCell {
    const cell = new ListCell(plain.values.map(keep), plain.stamps, plain.wholeAt);
    cell.#lengths = plain.lengths;
    return cell;
  }

  stampAll(stamp: number | undefined): void {
    this.stamps = stamp === undefined ? undefined : new Array(this.values.length).fill(stamp);
  }

  /** Whether an element, or only the first unless `thorough`, is over. */
  hasOver(over: (stamp: number) => boolean, thorough: boolean): boolean {
    const stamps = this.stamps ?? [];
    return thorough ? stamps.some(over) : stamps.length > 0 && over(stamps[0] as number);
  }

  /** Removes what is over. True when nothing is left. */
  expire(over: (stamp: number) => boolean, _thorough: boolean, { current }: Epochs): boolean {
    const stamps = this.stamps ?? [];
    const kept = stamps.flatMap((stamp, i) => (over(stamp) ? [] : [i]));
    this.replace(
      kept.map((i) => this.values[i]),
      kept.map((i) => stamps[i] as number),
      current,
    );
    return kept.length === 0;
  }

  /** What has changed after an epoch, as a copy. */
  changesAfter(epoch: number): ListChange {
    const from = this.#wholeAt > epoch ? 0 : this.#lengthAfter(epoch);
    return { from, values: this.values.slice(from), stamps: this.stamps?.slice(from) };
  }

  #lengthAfter(epoch: number): number {
    for (let i = 0; i < this.#lengths.length; i += 2) {
      if ((this.#lengths[i] as number) > epoch) return this.#lengths[i + 1] as number;
    }
    return this.values.length;
  }
}

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
