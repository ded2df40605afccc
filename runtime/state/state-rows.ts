/**
 * The rows of handles' states as blocks hold them. Columns behind the keys:
 *
 *   value, reducing  is present; then of present rows: values, stamps where values age
 *   list             is present, from, count; then of all elements: values, stamps
 *   map              is present, is whole, count; then of all elements: map keys, ops, values of those that are not
 *                    removed, stamps
 *
 * A row that is not present is a tombstone. A list's elements replace what was from position `from` on. A map that is whole
 * replaces what was; ops of another: 0 remove, 1 change in place, 2 move to the end. A list or map with many elements has
 * several rows, one behind the other.
 */

import type { Key } from "../../core/key.ts";
import { BlockRows } from "./block-rows.ts";
import type { Column } from "./column-codec.ts";
import type { ListChange } from "./list-cells.ts";
import { type MapChange, mapOps } from "./map-cell.ts";
import type { MapKey } from "./map-key.ts";
import { BLOCK_ROWS, type ColumnPlan } from "./state-block.ts";
import type { CellRow } from "./state-column.ts";

const NO_BLOCKS: readonly Uint8Array<ArrayBuffer>[] = [];

export abstract class CellRows extends BlockRows {
  protected present: boolean[] = [];

  /** Adds the rows of one cell; gives the blocks that many of them fill. REQUIRES: it is not full for the group. */
  abstract add(group: number, key: Key, row: CellRow): Iterable<Uint8Array<ArrayBuffer>>;

  protected addAbsent(group: number, key: Key): void {
    this.addKey(group, key);
    this.present.push(false);
  }
}

export class ValueRows extends CellRows {
  #values: unknown[] = [];
  #stamps: number[] = [];

  protected get weight(): number {
    return this.present.length;
  }

  /** REQUIRES: it is not full for the group. */
  add(group: number, key: Key, { isPresent, cell, stamp }: CellRow): readonly Uint8Array<ArrayBuffer>[] {
    this.addKey(group, key);
    this.present.push(isPresent);
    if (!isPresent) return NO_BLOCKS;
    this.#values.push(cell);
    this.#stamps.push(stamp);
    return NO_BLOCKS;
  }

  protected takeColumns(): readonly Column[] {
    const { present } = this;
    const values = this.#values;
    const stamps = this.shape.stamps === undefined ? [] : [this.#stamps];
    this.present = [];
    this.#values = [];
    this.#stamps = [];
    return [present, values, ...stamps];
  }
}

export class ListRows extends CellRows {
  #froms: number[] = [];
  #counts: number[] = [];
  #values: unknown[] = [];
  #stamps: number[] = [];

  protected get weight(): number {
    return this.present.length + this.#values.length;
  }

  *add(group: number, key: Key, { isPresent, cell }: CellRow): Generator<Uint8Array<ArrayBuffer>> {
    if (!isPresent) {
      this.addAbsent(group, key);
      this.#froms.push(0);
      this.#counts.push(0);
      return;
    }
    const { from, values, stamps } = cell as ListChange;
    for (let at = 0; at === 0 || at < values.length; at += BLOCK_ROWS) {
      if (at > 0 && this.isFullFor(group)) yield this.cut();
      const part = values.slice(at, at + BLOCK_ROWS);
      this.addKey(group, key);
      this.present.push(true);
      this.#froms.push(from + at);
      this.#counts.push(part.length);
      for (const value of part) this.#values.push(value);
      for (const stamp of stamps?.slice(at, at + BLOCK_ROWS) ?? []) this.#stamps.push(stamp);
    }
  }

  protected takeColumns(): readonly Column[] {
    const stamps = this.shape.stamps === undefined ? [] : [this.#stamps];
    const columns = [this.present, this.#froms, this.#counts, this.#values, ...stamps];
    this.present = [];
    this.#froms = [];
    this.#counts = [];
    this.#values = [];
    this.#stamps = [];
    return columns;
  }
}

export class MapRows extends CellRows {
  #wholes: boolean[] = [];
  #counts: number[] = [];
  #keys: MapKey[] = [];
  #ops: number[] = [];
  #values: unknown[] = [];
  #stamps: number[] = [];

  protected get weight(): number {
    return this.present.length + this.#keys.length;
  }

  *add(group: number, key: Key, { isPresent, cell }: CellRow): Generator<Uint8Array<ArrayBuffer>> {
    if (!isPresent) {
      this.addAbsent(group, key);
      this.#wholes.push(false);
      this.#counts.push(0);
      return;
    }
    const change = cell as MapChange;
    for (let at = 0; at === 0 || at < change.keys.length; at += BLOCK_ROWS) {
      if (at > 0 && this.isFullFor(group)) yield this.cut();
      this.addKey(group, key);
      this.present.push(true);
      this.#wholes.push(change.whole && at === 0);
      this.#addElements(change, at, Math.min(at + BLOCK_ROWS, change.keys.length));
    }
  }

  #addElements({ keys, ops, values, stamps }: MapChange, from: number, to: number): void {
    this.#counts.push(to - from);
    for (let i = from; i < to; i++) {
      this.#keys.push(keys[i] as MapKey);
      this.#ops.push(ops[i] as number);
      if (ops[i] !== mapOps.remove) this.#values.push(values[i]);
      if (stamps !== undefined) this.#stamps.push(stamps[i] as number);
    }
  }

  protected takeColumns(): readonly Column[] {
    const stamps = this.shape.stamps === undefined ? [] : [this.#stamps];
    const columns = [this.present, this.#wholes, this.#counts, this.#keys, this.#ops, this.#values, ...stamps];
    this.present = [];
    this.#wholes = [];
    this.#counts = [];
    this.#keys = [];
    this.#ops = [];
    this.#values = [];
    this.#stamps = [];
    return columns;
  }
}

export const valuePlan: ColumnPlan = {
  keys: true,
  read: (next, { rows, shape }) => {
    const present = next(rows);
    const count = countOf(present, (each) => each === true);
    return [present, next(count), ...(shape.stamps === undefined ? [] : [next(count)])];
  },
};

export const listPlan: ColumnPlan = {
  keys: true,
  read: (next, { rows, shape }) => {
    const heads = [next(rows), next(rows), next(rows)];
    const elements = sumOf(heads[2] as Column);
    return [...heads, next(elements), ...(shape.stamps === undefined ? [] : [next(elements)])];
  },
};

export const mapPlan: ColumnPlan = {
  keys: true,
  read: (next, { rows, shape }) => {
    const heads = [next(rows), next(rows), next(rows)];
    const elements = sumOf(heads[2] as Column);
    const keys = next(elements);
    const ops = next(elements);
    const values = next(countOf(ops, (op) => op !== mapOps.remove));
    return [...heads, keys, ops, values, ...(shape.stamps === undefined ? [] : [next(elements)])];
  },
};

function countOf(column: Column, counts: (value: unknown) => boolean): number {
  let count = 0;
  for (let i = 0; i < column.length; i++) if (counts(column[i])) count++;
  return count;
}

function sumOf(column: Column): number {
  let sum = 0;
  for (let i = 0; i < column.length; i++) sum += column[i] as number;
  return sum;
}
