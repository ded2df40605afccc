/**
 * One named state of all keys: a cell for each slot of the entries, with what a capture and ageing need to know of it.
 *
 * While a capture is being written, a cell that it has not reached is kept as it was when it is changed first: values are
 * immutable, so that is a reference; of lists and maps it is what the capture would have taken.
 */

import type { TimerDomain } from "../../core/operator.ts";
import type { Ageing } from "./ageing.ts";
import { ListCell, type ListChange, MapCell, type MapChange } from "./collection-cells.ts";
import type { Capturing } from "./epochs.ts";
import { SPILLED, type Spill, SpillSpace } from "./spill.ts";
import { spilledBytes, spilledValue } from "./spilled-value.ts";
import { notSaveable } from "./state-block.ts";

/** What a column holds for a key that has no value in it; undefined is a value. */
export const ABSENT = Symbol("absent");

export type StateKind = "value" | "list" | "map" | "reducing";

/** What a block says of one cell: absent, a value, or the changes of a list or map. */
export interface CellRow {
  readonly cell: typeof ABSENT | unknown | ListChange | MapChange;
  readonly stamp: number;
}

interface RunningCapture {
  readonly after: number;
  /** By slot: 0, DONE once the capture has its row, or the place in `kept` of the row that it will take, behind DONE. */
  readonly places: Int32Array;
  /** Rows of slots that have changed since the barrier, as they were. */
  readonly kept: CellRow[];
}

const DONE = 1;

export class StateColumn {
  readonly name: string;
  readonly kind: StateKind;
  /** By slot: ABSENT, a value, a ListCell or a MapCell. */
  readonly cells: unknown[] = [];
  /** By slot: the epoch of the last change. */
  marks = new Uint32Array(0);
  /** Undefined until a descriptor has said so, and for good when values do not age. */
  ageing: Ageing | undefined;
  /** The time of the stamps that values have; undefined: they have none. */
  stampDomain: TimerDomain | undefined;
  /** By slot, of values that age: when they were set. */
  stamps: Float64Array | undefined;
  /** Where cells go beyond the memory budget; undefined: they all stay. */
  space: SpillSpace | undefined;
  /** Where looking for what is over goes on. */
  swept = 0;
  #capture: RunningCapture | undefined;

  constructor(name: string, kind: StateKind) {
    this.name = name;
    this.kind = kind;
  }

  /** From now on cells may be on disk. */
  spillTo(spill: Spill, operator: string, keep: (value: unknown) => unknown): void {
    this.space = new SpillSpace(spill, {
      valueAt: (slot) => (this.cells[slot] === ABSENT ? undefined : this.cells[slot]),
      isHeld: () => false,
      place: (slot, cell) => {
        this.cells[slot] = cell;
      },
      encode: (cell) => encodeCell(cell, this, operator),
      decode: (bytes) => decodeCell(bytes, this.kind, keep),
    });
  }

  /** The cell of a slot, read into memory if it is on disk. */
  cellAt(slot: number): unknown {
    const cell = this.cells[slot];
    if (this.space === undefined) return cell;
    if (cell === SPILLED) return this.space.load(slot);
    this.space.used(slot);
    return cell;
  }

  /** Makes room for a slot, the next one or one within. */
  open(slot: number, capacity: number): void {
    if (slot === this.cells.length) this.cells.push(ABSENT);
    if (slot < this.marks.length) return;
    this.marks = longer(this.marks, new Uint32Array(capacity));
    if (this.stamps !== undefined) this.stamps = longer(this.stamps, new Float64Array(capacity));
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
    this.cells.forEach((cell, slot) => {
      if (cell !== ABSENT) this.touch(slot, epoch);
    });
  }

  #stampAll(stamp: number | undefined): void {
    const plain = this.kind === "value" || this.kind === "reducing";
    this.stamps = plain && stamp !== undefined ? new Float64Array(this.marks.length).fill(stamp) : undefined;
    if (plain) return;
    for (let slot = 0; slot < this.cells.length; slot++) {
      const cell = this.cellAt(slot);
      if (cell instanceof ListCell || cell instanceof MapCell) cell.stampAll(stamp);
      this.space?.changed(slot);
    }
  }

  /** A cell is about to change: notes the epoch, and keeps what a running capture has yet to take. */
  touch(slot: number, epoch: number): void {
    if (this.#capture !== undefined) this.#keep(this.#capture, slot);
    this.marks[slot] = epoch;
  }

  #keep({ after, places, kept }: RunningCapture, slot: number): void {
    if (slot >= places.length || places[slot] !== 0) return;
    const isTaken = (this.marks[slot] as number) > after;
    places[slot] = isTaken ? DONE + kept.push(this.rowOf(slot, after)) : DONE;
  }

  beginCapture({ after }: Capturing): void {
    this.#capture = { after, places: new Int32Array(this.cells.length), kept: [] };
  }

  /** Whether the running capture, or one of all up to now, has a row for a slot. Tombstones are for deltas only. */
  isCaptured(slot: number, { after, upTo }: Capturing): boolean {
    const mark = this.marks[slot] as number;
    if (mark > upTo) return (this.#capture?.places[slot] ?? 0) > DONE;
    return mark > after && (after >= 0 || this.cells[slot] !== ABSENT);
  }

  /** The row of a slot, once. REQUIRES: `isCaptured`. */
  takeRow(slot: number, after: number): CellRow {
    const capture = this.#capture;
    if (capture === undefined) return this.rowOf(slot, after);
    const place = capture.places[slot] as number;
    capture.places[slot] = DONE;
    return place > DONE ? (capture.kept[place - DONE - 1] as CellRow) : this.rowOf(slot, after);
  }

  endCapture(): void {
    this.#capture = undefined;
  }

  rowOf(slot: number, after: number): CellRow {
    const cell = this.cells[slot] === SPILLED ? this.space?.peek(slot) : this.cells[slot];
    const stamp = this.stamps === undefined ? 0 : (this.stamps[slot] as number);
    if (cell instanceof ListCell || cell instanceof MapCell) return { cell: cell.changesAfter(after), stamp };
    return { cell, stamp };
  }
}

function longer<A extends Uint32Array | Float64Array>(from: A, to: A): A {
  to.set(from);
  return to;
}

function encodeCell(cell: unknown, { kind, name }: StateColumn, operator: string): Uint8Array {
  try {
    return spilledBytes(cell instanceof ListCell || cell instanceof MapCell ? cell.toPlain() : cell);
  } catch (cause) {
    throw notSaveable(kind, name, operator, cause);
  }
}

function decodeCell(bytes: Uint8Array, kind: StateKind, keep: (value: unknown) => unknown): unknown {
  const plain = spilledValue(bytes);
  if (kind === "list") return ListCell.fromPlain(plain as ReturnType<ListCell["toPlain"]>, keep);
  if (kind === "map") return MapCell.fromPlain(plain as ReturnType<MapCell["toPlain"]>, keep);
  return keep(plain);
}
