/**
 * Lists whose elements are packed (`packed-rows.ts`): a list has its last row, and each row the one before it as its link. So a
 * key with many rows costs a few bytes a row, one with few no array, and adding writes behind what was added last, wherever
 * the list's other rows are.
 *
 * Packing pays where rows are kept and hardly ever read. A list that is read again and again becomes a plain one; and while
 * more rows of a state are read than come, new lists are plain from the beginning. Elements of packed lists have no stamps.
 */

import { assert } from "../../core/assert.ts";
import { ListCell, PlainListCell } from "./list-cells.ts";
import { PackedRows } from "./packed-rows.ts";

const NO_ROW = -1;

/** A row that is read so many times costs as much more as an object would have. */
const READ_A_ROW_MAX = 2;
/** Rows that are added or read until it is decided anew how new lists begin. */
const DECIDED_AFTER = 8192;

/** The rows of all lists of one state. */
export class PackedLists {
  readonly rows = new PackedRows(true);
  #added = 0;
  #read = 0;
  #areRead = false;

  /** A new list of these elements. */
  listOf(values: readonly unknown[], epoch: number): ListCell {
    this.added(values.length);
    if (this.#areRead) return new PlainListCell(values.slice(), undefined, epoch);
    const list = new PackedListCell(this.rows, epoch);
    list.goOn(0, values);
    return list;
  }

  /** The same list, packed. REQUIRES: it has no stamps. */
  copyOf(plain: ListCell): ListCell {
    const list = new PackedListCell(this.rows, 0);
    list.takeOver(plain);
    return list;
  }

  /** A list of this state has been read. @returns what it is to be from now on. */
  wasRead(list: ListCell): ListCell {
    this.#read += list.length;
    if (!(list instanceof PackedListCell) || !list.isReadOften()) return list;
    const plain = PlainListCell.from(list);
    list.release();
    return plain;
  }

  /** So many rows have come to lists, of either kind. */
  added(rows: number): void {
    this.#added += rows;
    if (this.#added + this.#read < DECIDED_AFTER) return;
    this.#areRead = this.#read > READ_A_ROW_MAX * this.#added;
    this.#added = 0;
    this.#read = 0;
  }
}

export class PackedListCell extends ListCell {
  readonly #rows: PackedRows;
  #last = NO_ROW;
  length = 0;
  /** How many rows have been read, those of each time. */
  #read = 0;

  /** An empty list. */
  constructor(rows: PackedRows, epoch: number) {
    super(epoch);
    this.#rows = rows;
  }

  /** Notes that all of it is read. @returns whether it has been read so often that its rows should not be packed. */
  isReadOften(): boolean {
    this.#read += this.length;
    return this.#read > READ_A_ROW_MAX * this.length;
  }

  values(from = 0): unknown[] {
    const rows = this.#rows;
    const values = new Array(this.length - from);
    for (let at = values.length - 1, row = this.#last; at >= 0; at--, row = rows.linkOf(row)) values[at] = rows.at(row);
    return values;
  }

  protected push(value: unknown): void {
    this.#last = this.#rows.add(value, this.#last);
    this.length++;
  }

  takeOver(other: ListCell): void {
    for (const value of other.values()) this.push(value);
    this.takeLog(other);
  }

  goOn(from: number, values: readonly unknown[]): void {
    this.#cutTo(from);
    for (const value of values) this.push(value);
  }

  release(): void {
    this.#cutTo(0);
  }

  #cutTo(length: number): void {
    const rows = this.#rows;
    for (; this.length > length; this.length--) {
      const before = rows.linkOf(this.#last);
      rows.free(this.#last);
      this.#last = before;
    }
  }

  oldestStamp(): number {
    return Number.POSITIVE_INFINITY;
  }

  stampAll(stamp: number | undefined): void {
    assert(stamp === undefined, "packed lists do not age");
  }

  hasOver(): boolean {
    return false;
  }

  expire(): boolean {
    return this.length === 0;
  }

  protected stampsFrom(): undefined {
    return undefined;
  }
}
