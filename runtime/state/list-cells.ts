/**
 * What lists of state are kept in, with what a checkpoint has to know: since which epoch the whole of it has changed, and where
 * those elements begin that were added since. Only handles and captures see cells; users get copies.
 *
 * Elements of states that age (`ageing.ts`) have stamps beside them; other cells have none. Rows that engine operators keep may
 * be packed (`packed-list.ts`).
 */

import type { Epochs } from "./epochs.ts";

/** What a block says about one key's list, from position `from` on, where it stays what it was. */
export interface ListChange {
  readonly from: number;
  readonly values: readonly unknown[];
  readonly stamps: readonly number[] | undefined;
}

/** No element was added since the list was new. */
export const NEVER = -1;

/** Of how many stamps the least one is looked for. */
const OLDEST_AMONG_MAX = 64;

/** The least of so many stamps; −Infinity where they are too many to be looked at whenever one has gone. */
export function oldestOf(stamps: Iterable<number>, count: number): number {
  if (count > OLDEST_AMONG_MAX) return Number.NEGATIVE_INFINITY;
  let oldest = Number.POSITIVE_INFINITY;
  for (const stamp of stamps) oldest = Math.min(oldest, stamp);
  return oldest;
}

export abstract class ListCell {
  /** The epoch of the last change other than adding. */
  protected abstract wholeAt: number;
  /** The last epoch behind that in which elements were added, and the length before. */
  protected abstract addedAt: number;
  protected abstract lengthBefore: number;
  /** The same of epochs before that, in pairs; undefined: there are none that a capture may ask for. */
  protected abstract older: number[] | undefined;

  abstract readonly length: number;

  /** The elements, in an array that is the caller's. */
  abstract values(from?: number): unknown[];

  add(value: unknown, stamp: number, epoch: number, confirmed: number): void {
    if (epoch !== this.addedAt && epoch !== this.wholeAt) this.#logAdding(epoch, confirmed);
    this.push(value, stamp);
  }

  #logAdding(epoch: number, confirmed: number): void {
    if (this.addedAt <= confirmed) this.older = undefined;
    else {
      this.older ??= [];
      while (this.older.length > 0 && (this.older[0] as number) <= confirmed) this.older.splice(0, 2);
      this.older.push(this.addedAt, this.lengthBefore);
    }
    this.addedAt = epoch;
    this.lengthBefore = this.length;
  }

  protected abstract push(value: unknown, stamp: number): void;

  protected replaced(epoch: number): void {
    this.wholeAt = epoch;
    this.addedAt = NEVER;
    this.older = undefined;
  }

  /** Restoring: elements from a position on are these. */
  abstract goOn(from: number, values: readonly unknown[], stamps: readonly number[] | undefined): void;

  abstract stampAll(stamp: number | undefined): void;

  /** Whether an element, or only the first unless `thorough`, is over. */
  abstract hasOver(over: (stamp: number) => boolean, thorough: boolean): boolean;

  /** No element has an earlier stamp; −Infinity where many would have to be looked at. */
  abstract oldestStamp(): number;

  /** Removes what is over. True when nothing is left. */
  abstract expire(over: (stamp: number) => boolean, thorough: boolean, epochs: Epochs): boolean;

  protected abstract stampsFrom(from: number): readonly number[] | undefined;

  /** What has changed after an epoch, as a copy. */
  changesAfter(epoch: number): ListChange {
    const from = this.wholeAt > epoch ? 0 : this.#lengthAfter(epoch);
    return { from, values: this.values(from), stamps: this.stampsFrom(from) };
  }

  #lengthAfter(epoch: number): number {
    const older = this.older ?? [];
    for (let i = 0; i < older.length; i += 2) if ((older[i] as number) > epoch) return older[i + 1] as number;
    return this.addedAt > epoch ? this.lengthBefore : this.length;
  }

  /** What it knows of epochs, as plain data, and back. */
  protected get log(): readonly number[] {
    return [this.wholeAt, this.addedAt, this.lengthBefore, ...(this.older ?? [])];
  }

  protected set log([wholeAt = 0, addedAt = NEVER, lengthBefore = 0, ...older]) {
    this.wholeAt = wholeAt;
    this.addedAt = addedAt;
    this.lengthBefore = lengthBefore;
    this.older = older.length === 0 ? undefined : older;
  }

  /** What another one knows of epochs holds for this one. */
  protected takeLog(other: ListCell): void {
    this.log = other.log;
  }
}

/** A list whose elements are as they were given. */
export class PlainListCell extends ListCell {
  #values: unknown[];
  #stamps: number[] | undefined;
  protected wholeAt: number;
  protected addedAt = NEVER;
  protected lengthBefore = 0;
  protected older: number[] | undefined;

  constructor(values: unknown[], stamps: number[] | undefined, epoch: number) {
    super();
    this.wholeAt = epoch;
    this.#values = values;
    this.#stamps = stamps;
  }

  get length(): number {
    return this.#values.length;
  }

  values(from = 0): unknown[] {
    return this.#values.slice(from);
  }

  protected push(value: unknown, stamp: number): void {
    this.#values.push(value);
    this.#stamps?.push(stamp);
  }

  /** All elements get new stamps: a change of the whole. */
  stampAnew(stamps: number[] | undefined, epoch: number): void {
    this.#stamps = stamps;
    this.replaced(epoch);
  }

  goOn(from: number, values: readonly unknown[], stamps: readonly number[] = []): void {
    this.#values.length = from;
    for (const value of values) this.#values.push(value);
    if (this.#stamps === undefined) return;
    this.#stamps.length = from;
    for (const stamp of stamps) this.#stamps.push(stamp);
  }

  /** All of it as plain data, and back. */
  toPlain() {
    return { values: this.#values, stamps: this.#stamps, log: this.log };
  }

  static fromPlain(plain: ReturnType<PlainListCell["toPlain"]>, keep: (value: unknown) => unknown): PlainListCell {
    const cell = new PlainListCell(plain.values.map(keep), plain.stamps, 0);
    cell.log = plain.log;
    return cell;
  }

  /** What a list was that is not of this kind, with what it knows of epochs. REQUIRES: it has no stamps. */
  static from(other: ListCell): PlainListCell {
    const cell = new PlainListCell(other.values(), undefined, 0);
    cell.takeLog(other);
    return cell;
  }

  stampAll(stamp: number | undefined): void {
    this.#stamps = stamp === undefined ? undefined : new Array(this.length).fill(stamp);
  }

  hasOver(over: (stamp: number) => boolean, thorough: boolean): boolean {
    const stamps = this.#stamps ?? [];
    return thorough ? stamps.some(over) : stamps.length > 0 && over(stamps[0] as number);
  }

  oldestStamp(): number {
    return oldestOf(this.#stamps ?? [], this.length);
  }

  expire(over: (stamp: number) => boolean, _thorough: boolean, { current }: Epochs): boolean {
    const [values, stamps] = [this.#values, this.#stamps ?? []];
    let kept = 0;
    for (let i = 0; i < stamps.length; i++) {
      const stamp = stamps[i] as number;
      if (over(stamp)) continue;
      values[kept] = values[i];
      stamps[kept++] = stamp;
    }
    values.length = kept;
    stamps.length = kept;
    this.replaced(current);
    return kept === 0;
  }

  protected stampsFrom(from: number): readonly number[] | undefined {
    return this.#stamps?.slice(from);
  }
}
