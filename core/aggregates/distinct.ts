/**
 * Exact distinct counts, and what they keep: the different values, each with marks.
 *
 * A mark is a bit. What counts one field several times, with different conditions, keeps its values once, with a mark for
 * each count that has seen them (`several.ts`); a single count has one mark. Whole numbers of 32 bits, which ids mostly are,
 * stand in one typed array: open addressing with linear probing, at most two thirds full; and of a set with many those that lie
 * densely in pages (`dense-pages.ts`). Everything here is plain data, as accumulators are saved, sent and copied.
 */

import { type AccumulatorPacking, reader, type ValueAggregate, type ValueOf } from "../aggregate.ts";
import { encodeKey } from "../key.ts";
import {
  copyOfPages,
  type DensePages,
  eachInPages,
  type FullCells,
  markPlace,
  placeIn,
  takePages,
  valuesBeside,
} from "./dense-pages.ts";

/** What can be told apart: what can be a key, and null. */
export type Distinct = string | number | bigint | boolean | Date | null;

/** A value as that of a Map, in which equal keys are the same. NaN is equal to itself here. */
export type Comparable = string | number | bigint | boolean | null;

export function comparable(value: unknown): Comparable {
  if (typeof value === "string") return value.charCodeAt(0) === 0 ? `\0s${value}` : value;
  if (typeof value === "object" && value !== null) return `\0${encodeKey(value, "distinct")}`;
  return value as Comparable;
}

/** So many marks fit in a cell. */
export const MARKS_MAX = 32;

export interface SeenValues {
  /** Cell i: a whole number at 2i, its marks at 2i + 1; no marks: the cell is empty. */
  cells: Int32Array;
  /** How many cells are in use. */
  used: number;
  /** Whole numbers that lie densely, which have no cells. Absent where there are none, as in most sets. */
  pages?: DensePages;
  /** All other values, with their marks. */
  others: Map<Comparable, number> | undefined;
}

const CELLS_MIN = 4;

/** @param values for how many whole numbers there is room. */
export function nothingSeen(values = 0): SeenValues {
  let cells = CELLS_MIN;
  while (3 * values > 2 * cells) cells *= 2;
  return { cells: new Int32Array(2 * cells), used: 0, others: undefined };
}

export function countSeen({ used, pages, others }: SeenValues): number {
  return used + (pages?.values ?? 0) + (others?.size ?? 0);
}

/** Adds marks to a value, and returns those that it did not have. REQUIRES: a mark. */
export function mark(seen: SeenValues, value: unknown, marks: number): number {
  if (typeof value === "number" && (value | 0) === value) return markInt(seen, value | 0, marks);
  return markOther(seen, comparable(value), marks);
}

/** Reads where `mark` would look for the value first. */
export function touchSeen({ cells, pages }: SeenValues, value: unknown): number {
  if (typeof value !== "number") return 0;
  if (pages !== undefined) {
    const place = placeIn(pages, value | 0);
    if (place >= 0) return pages.marks[place] as number;
  }
  return cells[2 * (hashOf(value | 0) & ((cells.length >> 1) - 1))] as number;
}

function markInt(seen: SeenValues, value: number, marks: number): number {
  const { cells, pages } = seen;
  if (pages !== undefined) {
    const place = placeIn(pages, value);
    if (place >= 0) return markPlace(pages, place, marks);
  }
  const last = (cells.length >> 1) - 1;
  let cell = hashOf(value) & last;
  for (; ; cell = (cell + 1) & last) {
    const before = cells[2 * cell + 1] as number;
    if (before === 0) break;
    if (cells[2 * cell] !== value) continue;
    if ((before & marks) !== marks) cells[2 * cell + 1] = before | marks;
    return marks & ~before;
  }
  cells[2 * cell] = value;
  cells[2 * cell + 1] = marks;
  seen.used++;
  if (3 * seen.used > 2 * (last + 1)) grow(seen);
  return marks;
}

function markOther(seen: SeenValues, value: Comparable, marks: number): number {
  seen.others ??= new Map();
  const before = seen.others.get(value) ?? 0;
  if ((before & marks) !== marks) seen.others.set(value, before | marks);
  return marks & ~before;
}

/** Makes pages of what lies densely, or twice as many cells. */
function grow(seen: SeenValues): void {
  const full = cellsOf(seen);
  const found = takePages(seen.pages, full);
  if (found === undefined) seen.cells = new Int32Array(2 * full.cells.length);
  else {
    seen.pages = found.pages;
    seen.cells = nothingSeen(valuesBeside(full.used - found.taken)).cells;
  }
  seen.used = 0;
  moveCells(seen, full);
}

function cellsOf({ cells, used }: SeenValues): FullCells {
  return { cells, from: 0, to: cells.length >> 1, used };
}

/** Puts those that have no page into cells. REQUIRES: there is room, and none of them is there. */
function moveCells(into: SeenValues, { cells: old, from, to }: FullCells): void {
  const { cells, pages } = into;
  const last = (cells.length >> 1) - 1;
  for (let at = 2 * from; at < 2 * to; at += 2) {
    const marks = old[at + 1] as number;
    if (marks === 0) continue;
    const value = old[at] as number;
    if (pages !== undefined && placeIn(pages, value) >= 0) continue;
    let cell = hashOf(value) & last;
    while (cells[2 * cell + 1] !== 0) cell = (cell + 1) & last;
    cells[2 * cell] = value;
    cells[2 * cell + 1] = marks;
    into.used++;
  }
}

/** Values in cells as a set with pages; undefined: too few of them lie densely. */
export function pagedOf(full: FullCells): SeenValues | undefined {
  const found = takePages(undefined, full);
  if (found === undefined) return undefined;
  const seen = nothingSeen(valuesBeside(full.used - found.taken));
  seen.pages = found.pages;
  moveCells(seen, full);
  return seen;
}

/** The same with its values in pages, if many of them lie densely and have no pages: it was saved before there were any. */
export function withPages(seen: SeenValues): SeenValues {
  const paged = seen.pages === undefined ? pagedOf(cellsOf(seen)) : undefined;
  return paged === undefined ? seen : { ...paged, others: seen.others };
}

/** The same values with the same marks, which nobody else has. */
export function copyOfSeen({ cells, used, pages, others }: SeenValues): SeenValues {
  const copy: SeenValues = { cells: cells.slice(), used, others: others && new Map(others) };
  if (pages !== undefined) copy.pages = copyOfPages(pages);
  return copy;
}

function hashOf(value: number): number {
  const mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return mixed ^ (mixed >>> 13);
}

/** Calls `visit` for each value with its marks. */
export function eachSeen(seen: SeenValues, visit: (value: Comparable, marks: number) => void): void {
  const { cells, pages, others } = seen;
  if (pages !== undefined) eachInPages(pages, visit);
  for (let at = 0; at < cells.length; at += 2)
    if (cells[at + 1] !== 0) visit(cells[at] as number, cells[at + 1] as number);
  for (const [value, marks] of others ?? []) visit(value, marks);
}

/** Adds all values, and calls `added` for those with marks that are new, and these marks. */
export function mergeSeen(into: SeenValues, from: SeenValues, added: (marks: number) => void): void {
  eachSeen(from, (value, marks) => {
    const isInt = typeof value === "number" && (value | 0) === value;
    const fresh = isInt ? markInt(into, value | 0, marks) : markOther(into, value, marks);
    if (fresh !== 0) added(fresh);
  });
}

interface PackedValues {
  readonly values: readonly Comparable[];
  readonly marks: readonly number[];
}

/** As records may hold them. */
export const seenPacking: AccumulatorPacking<SeenValues> = {
  pack: (seen) => {
    const values: Comparable[] = [];
    const marks: number[] = [];
    eachSeen(seen, (value, its) => {
      values.push(value);
      marks.push(its);
    });
    return { values, marks } satisfies PackedValues;
  },
  unpack: (packed) => {
    const { values, marks } = packed as PackedValues;
    const seen = nothingSeen();
    values.forEach((value, i) => {
      if (typeof value === "number" && (value | 0) === value) markInt(seen, value | 0, marks[i] as number);
      else markOther(seen, value, marks[i] as number);
    });
    return seen;
  },
};

/** What a distinct count looks at. */
export interface DistinctCount {
  /** The field's name or the function: counts of the same one can share their values. */
  readonly of: unknown;
  readonly read: (value: never) => unknown;
  /** Records count for which all of these are true. */
  readonly where: readonly ((value: never) => boolean)[];
}

/** Not a field of the aggregates: what a program makes of one with other functions is another aggregate. */
const distinctCounts = new WeakMap<object, DistinctCount>();

/** What the aggregate counts, if it is a distinct count. */
export function distinctCountOf(aggregate: object): DistinctCount | undefined {
  return distinctCounts.get(aggregate);
}

/** Says that an aggregate is the distinct count `count` of the records for which `predicate` is true too. */
export function noteFiltered(
  aggregate: object,
  count: DistinctCount | undefined,
  predicate: (value: never) => boolean,
): void {
  if (count !== undefined) distinctCounts.set(aggregate, { ...count, where: [...count.where, predicate] });
}

/**
 * How many different values a field has, exactly. Keeps each of them; `approximateDistinct` does with a fixed size. Several
 * of one field in `aggregates`, each with a condition of its own (`filtered`), keep them once.
 */
export function countingDistinct<I>(of: ValueOf<I, Distinct>): ValueAggregate<I, SeenValues, number> {
  const { read, fields } = reader<I, Distinct>(of);
  const aggregate: ValueAggregate<I, SeenValues, number> = {
    create: nothingSeen,
    add: (seen, value) => {
      mark(seen, read(value), 1);
      return seen;
    },
    merge: (into, from) => {
      mergeSeen(into, from, () => {});
      return into;
    },
    result: countSeen,
    touch: (seen, value) => touchSeen(seen, read(value)),
    partials: seenPacking,
    ...fields,
  };
  distinctCounts.set(aggregate, { of, read, where: [] });
  return aggregate;
}
