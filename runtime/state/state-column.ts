/**
 * One named state of all keys: a cell for each slot of the entries, with what a capture and ageing need to know of it.
 *
 * While a capture is being written, a cell that it has not reached is kept as it was when it is changed first: values are
 * immutable, so that is a reference; of lists and maps it is what the capture would have taken.
 */

import type { TimerDomain } from "../../core/operator.ts";
import type { Ageing } from "./ageing.ts";
import { ListCell, type ListChange, PlainListCell } from "./list-cells.ts";
import { lengthened } from "./longer.ts";
import { MapCell, type MapChange } from "./map-cell.ts";
import { PackedLists } from "./packed-list.ts";
import { PackedValues } from "./packed-values.ts";
import { SlotCells } from "./slot-cells.ts";
import { SPILLED, type Spill, SpillSpace } from "./spill.ts";
import { spilledBytes, spilledValue } from "./spilled-value.ts";
import { notSaveable } from "./state-block.ts";

/**
 * Stands in cells for the value `undefined`, as undefined itself says that there is no value: V8 compares with that by a
 * register, but with anything else by a call, which waits for the cell's value to come from memory.
 */
const UNDEFINED = Symbol("undefined");

/** What is in a cell without the mark that stands for undefined. */
export function unmarked(cell: unknown): unknown {
  return cell === UNDEFINED ? undefined : cell;
}

export type StateKind = "value" | "list" | "map" | "reducing";

/** What a block says of one cell: a value, or the changes of a list or map. */
export interface CellRow {
  readonly isPresent: boolean;
  readonly cell: unknown | ListChange | MapChange;
  readonly stamp: number;
}

/** What a running capture does when a cell changes that it may have yet to take. */
export interface ColumnCapture {
  /** The cell of a slot is about to change, and its mark with it. */
  keep(slot: number): void;
  /** Whether it has yet to read the packed row that the cell of a slot held until now, and frees it then. Absent: it reads none later. */
  takesOver?(slot: number): boolean;
  /** Complete or not, it is over. */
  ended?(): void;
}

export class StateColumn {
  readonly name: string;
  readonly kind: StateKind;
  /** By slot: a value as `cellOf` gives it, a ListCell, a packed list's number or a MapCell; undefined: there is none. */
  readonly cells = new SlotCells();
  /** By slot: the epoch of the last change. */
  marks = new Uint32Array(0);
  /** Undefined until a descriptor has said so, and for good when values do not age. */
  ageing: Ageing | undefined;
  /** The time of the stamps that values have; undefined: they have none. */
  stampDomain: TimerDomain | undefined;
  /** By slot, of values that age: when they were set. */
  stamps: Float64Array | undefined;
  /** By slot, of lists and maps that age: no element has an earlier stamp; −Infinity where that is not known. */
  oldest: Float64Array | undefined;
  /** Of lists whose rows are packed; what was there before they were so may not be. */
  packed: PackedLists | undefined;
  /** Of values that are packed. */
  packedValues: PackedValues | undefined;
  /** Where cells go beyond the memory budget; undefined: they all stay. */
  space: SpillSpace | undefined;
  /** Where looking for what is over goes on. */
  swept = 0;
  /** Refuses values that are not of the state's schema; only where values are frozen, for tests. */
  check: ((value: unknown) => void) | undefined;
  /** Whether a value `undefined` was ever kept. */
  holdsUndefined = false;
  /** The one that is running. */
  capture: ColumnCapture | undefined;

  constructor(name: string, kind: StateKind) {
    this.name = name;
    this.kind = kind;
  }

  /** From now on cells may be on disk. */
  spillTo(spill: Spill, operator: string, keep: (value: unknown) => unknown): void {
    this.space = new SpillSpace(spill, {
      valueAt: (slot) => this.cells.at(slot),
      isHeld: () => false,
      place: (slot, cell) => {
        this.cells.set(slot, cell);
      },
      encode: (cell) => encodeCell(this.valueOf(cell), this, operator),
      decode: (bytes) => this.cellOf(decodeCell(bytes, this.kind, keep)),
    });
  }

  /** From now on values, or rows of lists, are packed, if there is nothing that speaks against it. */
  pack(): void {
    if (this.space !== undefined) return;
    if (this.kind === "value") this.#packValues();
    if (this.kind === "list" && this.stampDomain === undefined) this.#packLists();
  }

  #packValues(): void {
    this.packedValues = new PackedValues();
    for (let slot = 0; slot < this.cells.length; slot++) {
      const cell = this.cells.at(slot);
      if (cell !== undefined && cell !== UNDEFINED) this.cells.set(slot, this.packedValues.cellOf(cell));
    }
    this.cells.holdNumbers();
  }

  #packLists(): void {
    this.packed = new PackedLists();
    for (let slot = 0; slot < this.cells.length; slot++) {
      const cell = this.cells.at(slot);
      if (cell instanceof ListCell) this.cells.set(slot, this.packed.cellFrom(cell));
    }
    this.cells.holdNumbers();
  }

  get isPacked(): boolean {
    return this.packed !== undefined || this.packedValues !== undefined;
  }

  /** What a slot holds goes. */
  released(slot: number): void {
    const cell = this.cells.at(slot);
    if (this.packedValues !== undefined) this.packedValues.release(cell, this.capture?.takesOver?.(slot));
    else this.packed?.release(cell);
  }

  /** What a cell holds for a value, and the value of such a cell. */
  cellOf(value: unknown): unknown {
    if (value !== undefined) return this.packedValues === undefined ? value : this.packedValues.cellOf(value);
    this.holdsUndefined = true;
    return UNDEFINED;
  }

  valueOf(cell: unknown): unknown {
    if (this.holdsUndefined && cell === UNDEFINED) return undefined;
    return this.packedValues === undefined ? cell : this.packedValues.valueOf(cell);
  }

  /** What is read and changed of a list's or a map's cell; of others the cell itself. */
  collectionOf(cell: unknown): unknown {
    return this.packed === undefined ? cell : this.packed.listOf(cell);
  }

  /** The cell of a slot, read into memory if it is on disk. */
  cellAt(slot: number): unknown {
    const cell = this.cells.at(slot);
    if (this.space === undefined) return cell;
    if (cell === SPILLED) return this.space.load(slot);
    this.space.used(slot);
    return cell;
  }

  /** Makes room for a slot, the next one or one within. */
  open(slot: number, capacity: number): void {
    if (slot === this.cells.length) this.cells.push(capacity);
    if (slot < this.marks.length) return;
    this.marks = lengthened(this.marks, capacity);
    if (this.stamps !== undefined) this.stamps = lengthened(this.stamps, capacity);
    if (this.oldest !== undefined) this.oldest = lengthened(this.oldest, capacity, Number.NEGATIVE_INFINITY);
  }

  /** Values get stamps of that domain, those that are there one without a time. Stamps of another domain are lost. */
  stampBy(domain: TimerDomain): void {
    if (this.stampDomain === domain) return;
    this.stampDomain = domain;
    this.#stampAll(Number.NEGATIVE_INFINITY);
  }

  /** A descriptor says how values age. Values that have no stamps of that domain begin their life now, in this epoch. */
  age(ageing: Ageing | undefined, epoch: number): void {
    this.ageing = ageing;
    if (this.stampDomain === ageing?.domain) return;
    this.stampDomain = ageing?.domain;
    this.#stampAll(ageing?.now());
    for (let slot = 0; slot < this.cells.length; slot++) if (this.cells.at(slot) !== undefined) this.touch(slot, epoch);
  }

  #stampAll(stamp: number | undefined): void {
    const plain = this.kind === "value" || this.kind === "reducing";
    this.stamps = plain && stamp !== undefined ? new Float64Array(this.marks.length).fill(stamp) : undefined;
    if (plain) return;
    this.oldest = stamp === undefined ? undefined : unknownStamps(this.marks.length);
    for (let slot = 0; slot < this.cells.length; slot++) {
      const cell = this.collectionOf(this.cellAt(slot));
      if (cell instanceof ListCell || cell instanceof MapCell) cell.stampAll(stamp);
      this.space?.changed(slot);
    }
  }

  /** A cell is about to change: notes the epoch, and keeps what a running capture has yet to take. */
  touch(slot: number, epoch: number): void {
    if (this.capture !== undefined) this.capture.keep(slot);
    this.marks[slot] = epoch;
  }

  /** Changes are told to no capture any more. */
  endCapture(): void {
    this.capture?.ended?.();
    this.capture = undefined;
  }

  rowOf(slot: number, after: number): CellRow {
    const cell = this.cells.at(slot) === SPILLED ? this.space?.peek(slot) : this.cells.at(slot);
    const stamp = this.stamps === undefined ? 0 : (this.stamps[slot] as number);
    const isPresent = cell !== undefined;
    const collection = this.collectionOf(cell);
    if (collection instanceof ListCell || collection instanceof MapCell)
      return { isPresent, cell: collection.changesAfter(after), stamp };
    return { isPresent, cell: this.valueOf(cell), stamp };
  }
}

function unknownStamps(capacity: number): Float64Array {
  return new Float64Array(capacity).fill(Number.NEGATIVE_INFINITY);
}

function encodeCell(cell: unknown, { kind, name }: StateColumn, operator: string): Uint8Array {
  try {
    return spilledBytes(cell instanceof PlainListCell || cell instanceof MapCell ? cell.toPlain() : cell);
  } catch (cause) {
    throw notSaveable(kind, name, operator, cause);
  }
}

function decodeCell(bytes: Uint8Array, kind: StateKind, keep: (value: unknown) => unknown): unknown {
  const plain = spilledValue(bytes);
  if (kind === "list") return PlainListCell.fromPlain(plain as ReturnType<PlainListCell["toPlain"]>, keep);
  if (kind === "map") return MapCell.fromPlain(plain as ReturnType<MapCell["toPlain"]>, keep);
  return keep(plain);
}
