/**
 * Values of one state, packed (`packed-rows.ts`): a cell has a row's handle, which is a number, in the place of the value.
 *
 *   packing ── of those that were packed, most are replaced, or they are read often ──► as they come
 *      ▲                                                                                   │
 *      └────────────────── most stay, or it has been so for long ──────────────────────────┘
 *
 * Values that are replaced before their chunk is full are never packed, so they do not count. Where values are kept as they
 * come, packed ones become so when they are read. Numbers are always packed, as a number in a cell is a handle.
 */

import { elementsOf, PackedRows } from "./packed-rows.ts";

/** Values that come, and elements that are read, until it is decided anew. */
const DECIDED_AFTER = 8192;
/** With fewer than one of so many values staying, packing would cost more time than it saves. */
const STAYING_OF = 4;
/** And with more that are made anew for each that comes. */
const READ_A_VALUE_MAX = 2;
/** For how many times the same is decided without trying it. */
const REST = 32;

export class PackedValues {
  readonly rows = new PackedRows(false);
  /** How many elements have come, in how many values, and how many of these have gone. */
  #elements = 0;
  #came = 0;
  #went = 0;
  /** Of those that were packed: how many elements were read, and values have gone. */
  #read = 0;
  #wentPacked = 0;
  #packedBefore = 0;
  #packs = true;
  #rested = 0;

  /** Whether values that come are packed. */
  get packs(): boolean {
    return this.#packs;
  }

  /** What a cell holds for a value. REQUIRES: it is not undefined. */
  cellOf(value: unknown): unknown {
    this.#came++;
    this.#elements += elementsOf(value);
    if (this.#came + this.#read >= DECIDED_AFTER) this.#decide();
    if (typeof value !== "number" && (!this.#packs || typeof value !== "object")) return value;
    return this.rows.add(value);
  }

  valueOf(cell: unknown): unknown {
    return typeof cell === "number" ? this.rows.at(cell) : cell;
  }

  /** A cell's value, which an operator reads. */
  read(cell: unknown): unknown {
    if (typeof cell !== "number") return cell;
    const value = this.rows.at(cell);
    if (!this.rows.isPacked(cell)) return value;
    this.#read += elementsOf(value);
    if (this.#came + this.#read >= DECIDED_AFTER) this.#decide();
    return value;
  }

  /**
   * After reading a cell. REQUIRES: no capture is to read it.
   * @returns whether it is to hold the value itself from now on: the row is gone then.
   */
  becomesPlain(cell: unknown, value: unknown): boolean {
    if (this.#packs || typeof cell !== "number" || typeof value !== "object") return false;
    this.rows.free(cell);
    return true;
  }

  /** A cell's value goes. `isRead`: somebody has yet to read it, and frees it then. */
  release(cell: unknown, isRead = false): void {
    this.#went++;
    if (typeof cell === "number" && this.rows.isPacked(cell)) this.#wentPacked++;
    if (!isRead) this.free(cell);
  }

  /** What a cell held that has been released is not read any more. */
  free(cell: unknown): void {
    if (typeof cell === "number") this.rows.free(cell);
  }

  #decide(): void {
    const packed = this.rows.packed - this.#packedBefore;
    const areRead = this.#read > READ_A_VALUE_MAX * this.#elements;
    const stay = this.#packs
      ? STAYING_OF * (packed - this.#wentPacked) >= packed
      : STAYING_OF * (this.#came - this.#went) >= this.#came || ++this.#rested === REST;
    this.#packs = stay && !areRead;
    if (this.#packs) this.#rested = 0;
    this.#packedBefore = this.rows.packed;
    this.#elements = 0;
    this.#came = 0;
    this.#went = 0;
    this.#read = 0;
    this.#wentPacked = 0;
  }
}
