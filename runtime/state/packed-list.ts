/**
 * Lists whose elements are packed (`packed-rows.ts`): a list has its last row, and each row the one before it as its link. So a
 * key with many rows costs a few bytes a row, one with few no array, and adding writes behind what was added last, wherever
 * the list's other rows are. A cell has a list's number, by which its last row and its length stand in an array of all lists: no
 * list is an object but while somebody looks at it.
 *
 * Packing pays where rows are kept and hardly ever read. A list that is read again and again becomes a plain one; and while
 * more rows of a state are read than come, new lists are plain from the beginning. Elements of packed lists have no stamps.
 */

import { assert } from "../../core/assert.ts";
import { ListCell, NEVER, PlainListCell } from "./list-cells.ts";
import { lengthened } from "./longer.ts";
import { PackedRows } from "./packed-rows.ts";

const NO_ROW = -1;

/** A row that is read so many times costs as much more as an object would have. */
const READ_A_ROW_MAX = 2;
/** Rows that are added or read until it is decided anew how new lists begin. */
const DECIDED_AFTER = 8192;

/** What a list has, from its number times WIDTH on. */
const LAST = 0;
const LENGTH = 1;
/** How many rows have been read, those of each time. */
const READ = 2;
const WHOLE_AT = 3;
const WIDTH = 4;

/** What one has to which rows were added in another epoch than the one in which it was made, from its number times two on. */
const ADDED_AT = 0;
const LENGTH_BEFORE = 1;
const LOG_WIDTH = 2;

const LISTS_MIN = 16;

/** The lists of one state, and the rows of all of them. */
export class PackedLists {
  readonly rows = new PackedRows(true);
  #lists = new Int32Array(WIDTH * LISTS_MIN);
  /** Undefined: there is none such. */
  #logs: Int32Array | undefined;
  readonly #older = new Map<number, number[]>();
  /** Numbers below have been given to lists. */
  #next = 0;
  /** Those of lists that are gone. */
  readonly #free: number[] = [];
  #added = 0;
  #read = 0;
  #areRead = false;

  /** What a cell holds for a new list of these elements. */
  cellOf(values: readonly unknown[], epoch: number): unknown {
    this.added(values.length);
    if (this.#areRead) return new PlainListCell(values.slice(), undefined, epoch);
    const list = this.#newList(epoch);
    for (const value of values) this.push(list, value);
    return list;
  }

  /** What a cell holds for the same list, packed. REQUIRES: it has no stamps. */
  cellFrom(plain: ListCell): unknown {
    const list = this.#newList(0);
    new PackedListCell(this, list).takeOver(plain);
    return list;
  }

  /** The list of a cell, to be used at once: its number may be another list's later. */
  listOf(cell: unknown): ListCell {
    return typeof cell === "number" ? new PackedListCell(this, cell) : (cell as ListCell);
  }

  /** The list of a cell has been read. @returns what the cell is to hold from now on. */
  wasRead(cell: unknown): unknown {
    if (typeof cell !== "number") {
      this.#read += (cell as ListCell).length;
      return cell;
    }
    const length = this.lengthOf(cell);
    const at = WIDTH * cell + READ;
    const read = (this.#lists[at] as number) + length;
    this.#read += length;
    this.#lists[at] = read;
    if (read <= READ_A_ROW_MAX * length) return cell;
    const plain = PlainListCell.from(this.listOf(cell));
    this.release(cell);
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

  /** What a cell held is not used any more. */
  release(cell: unknown): void {
    if (typeof cell !== "number") return;
    this.cut(cell, 0);
    this.#older.delete(cell);
    this.#free.push(cell);
  }

  #newList(epoch: number): number {
    const list = this.#free.pop() ?? this.#next++;
    if (WIDTH * list === this.#lists.length) this.#lists = lengthened(this.#lists, 2 * this.#lists.length);
    const at = WIDTH * list;
    this.#lists[at + LAST] = NO_ROW;
    this.#lists[at + LENGTH] = 0;
    this.#lists[at + READ] = 0;
    this.#lists[at + WHOLE_AT] = epoch;
    if (LOG_WIDTH * list < (this.#logs?.length ?? 0)) this.setAddedAt(list, NEVER);
    return list;
  }

  lengthOf(list: number): number {
    return this.#lists[WIDTH * list + LENGTH] as number;
  }

  valuesOf(list: number, from: number): unknown[] {
    const { rows } = this;
    const values = new Array(this.lengthOf(list) - from);
    let row = this.#lists[WIDTH * list + LAST] as number;
    for (let at = values.length - 1; at >= 0; at--, row = rows.linkOf(row)) values[at] = rows.at(row);
    return values;
  }

  push(list: number, value: unknown): void {
    const at = WIDTH * list;
    this.#lists[at + LAST] = this.rows.add(value, this.#lists[at + LAST]);
    this.#lists[at + LENGTH] = (this.#lists[at + LENGTH] as number) + 1;
  }

  /** Its rows from a position on go. */
  cut(list: number, length: number): void {
    const { rows } = this;
    let last = this.#lists[WIDTH * list + LAST] as number;
    for (let left = this.lengthOf(list); left > length; left--) {
      const before = rows.linkOf(last);
      rows.free(last);
      last = before;
    }
    this.#lists[WIDTH * list + LAST] = last;
    this.#lists[WIDTH * list + LENGTH] = Math.min(length, this.lengthOf(list));
  }

  wholeAtOf(list: number): number {
    return this.#lists[WIDTH * list + WHOLE_AT] as number;
  }

  setWholeAt(list: number, epoch: number): void {
    this.#lists[WIDTH * list + WHOLE_AT] = epoch;
  }

  addedAtOf(list: number): number {
    return this.#logs?.[LOG_WIDTH * list + ADDED_AT] ?? NEVER;
  }

  setAddedAt(list: number, epoch: number): void {
    if (epoch !== NEVER || this.#logs !== undefined) this.#openLogs(list)[LOG_WIDTH * list + ADDED_AT] = epoch;
  }

  lengthBeforeOf(list: number): number {
    return this.#logs?.[LOG_WIDTH * list + LENGTH_BEFORE] ?? 0;
  }

  setLengthBefore(list: number, length: number): void {
    if (length !== 0 || this.#logs !== undefined) this.#openLogs(list)[LOG_WIDTH * list + LENGTH_BEFORE] = length;
  }

  olderOf(list: number): number[] | undefined {
    return this.#older.get(list);
  }

  setOlder(list: number, older: number[] | undefined): void {
    if (older === undefined) this.#older.delete(list);
    else this.#older.set(list, older);
  }

  #openLogs(list: number): Int32Array {
    this.#logs ??= new Int32Array(0);
    if (LOG_WIDTH * list >= this.#logs.length)
      this.#logs = lengthened(this.#logs, (LOG_WIDTH / WIDTH) * this.#lists.length, NEVER);
    return this.#logs;
  }
}

/** One of them, as an object. */
class PackedListCell extends ListCell {
  readonly #lists: PackedLists;
  readonly #list: number;

  constructor(lists: PackedLists, list: number) {
    super();
    this.#lists = lists;
    this.#list = list;
  }

  get length(): number {
    return this.#lists.lengthOf(this.#list);
  }

  values(from = 0): unknown[] {
    return this.#lists.valuesOf(this.#list, from);
  }

  protected push(value: unknown): void {
    this.#lists.push(this.#list, value);
  }

  takeOver(other: ListCell): void {
    for (const value of other.values()) this.push(value);
    this.takeLog(other);
  }

  goOn(from: number, values: readonly unknown[]): void {
    this.#lists.cut(this.#list, from);
    for (const value of values) this.push(value);
  }

  protected get wholeAt(): number {
    return this.#lists.wholeAtOf(this.#list);
  }

  protected set wholeAt(epoch: number) {
    this.#lists.setWholeAt(this.#list, epoch);
  }

  protected get addedAt(): number {
    return this.#lists.addedAtOf(this.#list);
  }

  protected set addedAt(epoch: number) {
    this.#lists.setAddedAt(this.#list, epoch);
  }

  protected get lengthBefore(): number {
    return this.#lists.lengthBeforeOf(this.#list);
  }

  protected set lengthBefore(length: number) {
    this.#lists.setLengthBefore(this.#list, length);
  }

  protected get older(): number[] | undefined {
    return this.#lists.olderOf(this.#list);
  }

  protected set older(older: number[] | undefined) {
    this.#lists.setOlder(this.#list, older);
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
