/**
 * Values of one state, packed (`packed-rows.ts`): a cell has a row's handle, which is a number, in the place of the value.
 *
 * Packing pays where values stay. Where most of them are replaced, they are kept as they come until that is otherwise; numbers
 * are always packed, as a number in a cell is a handle.
 */

import { PackedRows } from "./packed-rows.ts";

/** Values that come until it is decided anew. */
const DECIDED_AFTER = 8192;
/** With fewer than one of so many values staying, packing would cost more time than it saves. */
const STAYING_OF = 4;

export class PackedValues {
  readonly rows = new PackedRows(false);
  #came = 0;
  #went = 0;
  #stay = true;

  /** Whether values that come are packed. */
  get packs(): boolean {
    return this.#stay;
  }

  /** What a cell holds for a value. REQUIRES: it is not undefined. */
  cellOf(value: unknown): unknown {
    if (++this.#came === DECIDED_AFTER) this.#decide();
    if (typeof value !== "number" && (!this.#stay || typeof value !== "object")) return value;
    return this.rows.add(value);
  }

  valueOf(cell: unknown): unknown {
    return typeof cell === "number" ? this.rows.at(cell) : cell;
  }

  /** A cell's value goes. `isRead`: somebody has yet to read it, and frees it then. */
  release(cell: unknown, isRead = false): void {
    this.#went++;
    if (!isRead) this.free(cell);
  }

  /** What a cell held that has been released is not read any more. */
  free(cell: unknown): void {
    if (typeof cell === "number") this.rows.free(cell);
  }

  #decide(): void {
    this.#stay = STAYING_OF * (this.#came - this.#went) >= this.#came;
    this.#came = 0;
    this.#went = 0;
  }
}
