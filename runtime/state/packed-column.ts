/**
 * Columns of packed rows: the values of one field, in as few bytes as they need, to be read one by one in any order.
 *
 *   one value      held once
 *   whole numbers  the least, and how much more each is in 1, 2 or 4 bytes; other numbers in 8
 *   texts          their numbers among those of the whole state, where many repeat; else one text of 512, and where each ends
 *   records        a column for each field; those of several shapes by their shapes
 *   lists          a column of the elements of all, and where each ends
 *   some absent    null, undefined or a boolean beside numbers or texts: a byte of flags, and a column of the others
 *   all else       as it is
 *
 * The law: what is read equals what was given: -0, NaN, and undefined beside what is not there.
 */

import { CompiledCache, literalKey } from "../exchange/codec/compiled.ts";
import { fieldsOf, spreaderOf } from "./column-codec.ts";
import { TextColumn } from "./packed-texts.ts";
import type { TextDictionaries } from "./text-dictionary.ts";

export interface PackedColumn {
  at(place: number): unknown;
  /** A column of the values at these places alone. REQUIRES: they ascend, and there is one. */
  only(places: Places): PackedColumn;
}

export type Places = Uint16Array | Uint32Array;

/** Records and lists within each other, deeper ones are held as they are. */
const DEPTH_MAX = 4;

/** More are as many kinds of records as there are records. */
const SHAPES_MAX = 16;

/** Longer texts are held as they are, as one that is read keeps its neighbours in memory. */
const TEXT_MAX = 1024;

const flags = { other: 0, null: 1, undefined: 2, true: 3, false: 4 } as const;
const flagged = [undefined, null, undefined, true, false];

/**
 * The values as a column, which may hold on to the array. REQUIRES: there is one.
 * @param texts of all columns whose values are of that kind.
 */
export function packColumn(values: readonly unknown[], texts: TextDictionaries, depth = 0): PackedColumn {
  const first = values[0];
  const type = typeof first;
  if (type === "number") return packNumbers(values) ?? packMixed(values, texts, depth);
  if (type === "string") return packTexts(values, texts) ?? packMixed(values, texts, depth);
  if (type !== "object" || first === null) return packMixed(values, texts, depth);
  if (Array.isArray(first)) return packLists(values, texts, depth) ?? new ValuesColumn(values);
  return packRecords(values, texts, depth) ?? packShapes(values, texts, depth) ?? new ValuesColumn(values);
}

class ConstantColumn implements PackedColumn {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  at(): unknown {
    return this.#value;
  }

  only(): PackedColumn {
    return this;
  }
}

class ValuesColumn implements PackedColumn {
  readonly #values: readonly unknown[];

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  at(place: number): unknown {
    return this.#values[place];
  }

  only(places: Places): PackedColumn {
    return new ValuesColumn(Array.from(places, (place) => this.#values[place]));
  }
}

class FloatColumn implements PackedColumn {
  readonly #numbers: Float64Array;

  constructor(numbers: Float64Array) {
    this.#numbers = numbers;
  }

  at(place: number): unknown {
    return this.#numbers[place];
  }

  only(places: Places): PackedColumn {
    return new FloatColumn(picked(this.#numbers, new Float64Array(places.length), places));
  }
}

class WholeColumn implements PackedColumn {
  readonly #least: number;
  readonly #more: Uint8Array | Uint16Array | Uint32Array;

  constructor(least: number, more: Uint8Array | Uint16Array | Uint32Array) {
    this.#least = least;
    this.#more = more;
  }

  at(place: number): unknown {
    return this.#least + (this.#more[place] as number);
  }

  only(places: Places): PackedColumn {
    return new WholeColumn(this.#least, pickedWhole(this.#more, places));
  }
}

class NumberedColumn implements PackedColumn {
  readonly #texts: readonly string[];
  readonly #numbers: Uint8Array | Uint16Array;

  constructor(texts: readonly string[], numbers: Uint8Array | Uint16Array) {
    this.#texts = texts;
    this.#numbers = numbers;
  }

  at(place: number): unknown {
    return this.#texts[this.#numbers[place] as number];
  }

  only(places: Places): PackedColumn {
    const numbers =
      this.#numbers instanceof Uint8Array ? new Uint8Array(places.length) : new Uint16Array(places.length);
    return new NumberedColumn(this.#texts, picked(this.#numbers, numbers, places));
  }
}

class FlaggedColumn implements PackedColumn {
  readonly #flags: Uint8Array;
  readonly #others: PackedColumn | undefined;

  /** @param others by place; where there is a flag, anything. */
  constructor(flags: Uint8Array, others: PackedColumn | undefined) {
    this.#flags = flags;
    this.#others = others;
  }

  at(place: number): unknown {
    const flag = this.#flags[place] as number;
    return flag === flags.other ? this.#others?.at(place) : flagged[flag];
  }

  only(places: Places): PackedColumn {
    return new FlaggedColumn(picked(this.#flags, new Uint8Array(places.length), places), this.#others?.only(places));
  }
}

class RecordColumn implements PackedColumn {
  readonly #columns: readonly PackedColumn[];
  readonly #read: RecordReader;

  constructor(columns: readonly PackedColumn[], read: RecordReader) {
    this.#columns = columns;
    this.#read = read;
  }

  at(place: number): unknown {
    return this.#read(this.#columns, place);
  }

  only(places: Places): PackedColumn {
    return new RecordColumn(
      this.#columns.map((column) => column.only(places)),
      this.#read,
    );
  }
}

class ListsColumn implements PackedColumn {
  readonly #ends: Uint16Array | Uint32Array;
  readonly #elements: PackedColumn;

  constructor(ends: Uint16Array | Uint32Array, elements: PackedColumn) {
    this.#ends = ends;
    this.#elements = elements;
  }

  at(place: number): unknown {
    const from = this.#startOf(place);
    const list = new Array((this.#ends[place] as number) - from);
    for (let i = 0; i < list.length; i++) list[i] = this.#elements.at(from + i);
    return list;
  }

  only(places: Places): PackedColumn {
    const lengths: number[] = new Array(places.length);
    let count = 0;
    for (let i = 0; i < places.length; i++) {
      const place = places[i] as number;
      lengths[i] = (this.#ends[place] as number) - this.#startOf(place);
      count += lengths[i] as number;
    }
    const within = new Uint32Array(count);
    let at = 0;
    for (let i = 0; i < places.length; i++) {
      const from = this.#startOf(places[i] as number);
      for (let element = 0; element < (lengths[i] as number); element++) within[at++] = from + element;
    }
    return new ListsColumn(listEnds(lengths, count), count === 0 ? NOTHING : this.#elements.only(within));
  }

  #startOf(place: number): number {
    return place === 0 ? 0 : (this.#ends[place - 1] as number);
  }
}

function listEnds(lengths: readonly number[], count: number): Uint16Array | Uint32Array {
  const ends = new (count <= 0xffff ? Uint16Array : Uint32Array)(lengths.length);
  let end = 0;
  for (let i = 0; i < lengths.length; i++) {
    end += lengths[i] as number;
    ends[i] = end;
  }
  return ends;
}

class ShapesColumn implements PackedColumn {
  readonly #shapeOf: Uint8Array;
  readonly #placeIn: Uint32Array;
  readonly #columns: readonly PackedColumn[];

  constructor(shapeOf: Uint8Array, placeIn: Uint32Array, columns: readonly PackedColumn[]) {
    this.#shapeOf = shapeOf;
    this.#placeIn = placeIn;
    this.#columns = columns;
  }

  at(place: number): unknown {
    return this.#columns[this.#shapeOf[place] as number]?.at(this.#placeIn[place] as number);
  }

  only(places: Places): PackedColumn {
    const shapeOf = picked(this.#shapeOf, new Uint8Array(places.length), places);
    const placesIn = this.#columns.map((): number[] => []);
    const placeIn = new Uint32Array(places.length);
    for (let i = 0; i < places.length; i++)
      placeIn[i] = (placesIn[shapeOf[i] as number]?.push(this.#placeIn[places[i] as number] as number) ?? 0) - 1;
    const columns = this.#columns.map((column, shape) => {
      const within = placesIn[shape] as number[];
      return within.length === 0 ? NOTHING : column.only(Uint32Array.from(within));
    });
    return new ShapesColumn(shapeOf, placeIn, columns);
  }
}

/** In the place of a column without values. */
const NOTHING = new ConstantColumn(undefined);

function picked<A extends Float64Array | Uint8Array | Uint16Array | Uint32Array>(
  from: A | Uint8Array | Uint16Array,
  into: A,
  places: Places,
): A {
  for (let i = 0; i < places.length; i++) into[i] = from[places[i] as number] as number;
  return into;
}

function pickedWhole(more: Uint8Array | Uint16Array | Uint32Array, places: Places): typeof more {
  if (more instanceof Uint8Array) return picked(more, new Uint8Array(places.length), places);
  if (more instanceof Uint16Array) return picked(more, new Uint16Array(places.length), places);
  return picked<Uint32Array>(more, new Uint32Array(places.length), places);
}

/** Undefined: not all are numbers. */
function packNumbers(values: readonly unknown[]): PackedColumn | undefined {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  let areWhole = true;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== "number") return undefined;
    if (value < least) least = value;
    if (value > most) most = value;
    // NaN is not equal to what it is rounded to; and a -0 would come back as 0.
    if (Math.trunc(value) !== value || (value === 0 && 1 / value < 0)) areWhole = false;
  }
  const span = most - least;
  if (!areWhole || !(span <= 0xffff_ffff) || !Number.isSafeInteger(least) || !Number.isSafeInteger(most))
    return new FloatColumn(filled(new Float64Array(values.length), values, 0));
  if (span === 0) return new ConstantColumn(least);
  const arrays = span <= 0xff ? Uint8Array : span <= 0xffff ? Uint16Array : Uint32Array;
  return new WholeColumn(least, filled(new arrays(values.length), values, least));
}

function filled<A extends Float64Array | Uint8Array | Uint16Array | Uint32Array>(
  array: A,
  values: readonly unknown[],
  least: number,
): A {
  for (let i = 0; i < values.length; i++) array[i] = (values[i] as number) - least;
  return array;
}

/** Undefined: not all are texts, or they are long. */
function packTexts(values: readonly unknown[], { own }: TextDictionaries): PackedColumn | undefined {
  let units = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== "string") return undefined;
    units += value.length;
  }
  if (units > TEXT_MAX * values.length) return new ValuesColumn(values);
  const numbers = own.numbersOf(values as readonly string[], units);
  if (numbers !== undefined) return new NumberedColumn(own.texts, numbers);
  return new TextColumn(values as readonly string[]);
}

/** Values of several kinds: nothing, booleans, and either numbers or texts. */
function packMixed(values: readonly unknown[], texts: TextDictionaries, depth: number): PackedColumn {
  const found = new Uint8Array(values.length);
  let other: unknown;
  let areAlike = true;
  for (let i = 0; i < values.length; i++) {
    const flag = flagOf(values[i]);
    found[i] = flag;
    if (flag !== found[0]) areAlike = false;
    if (flag !== flags.other) continue;
    if (other === undefined) other = values[i];
    else if (typeof values[i] !== typeof other) return new ValuesColumn(values);
  }
  if (other === undefined) return areAlike ? new ConstantColumn(values[0]) : new FlaggedColumn(found, undefined);
  if (typeof other === "object") return packShapes(values, texts, depth) ?? new ValuesColumn(values);
  if (areAlike || (typeof other !== "number" && typeof other !== "string")) return new ValuesColumn(values);
  const others = values.map((value, i) => (found[i] === flags.other ? value : other));
  return new FlaggedColumn(found, packColumn(others, texts));
}

function flagOf(value: unknown): number {
  if (value === null) return flags.null;
  if (value === undefined) return flags.undefined;
  return value === true ? flags.true : value === false ? flags.false : flags.other;
}

/** Undefined: not all are plain objects with the same fields in the same order. */
function packRecords(values: readonly unknown[], texts: TextDictionaries, depth: number): PackedColumn | undefined {
  const fields = depth < DEPTH_MAX ? fieldsOf(values[0]) : undefined;
  if (fields === undefined) return undefined;
  const columns = fields.map((): unknown[] => new Array(values.length));
  if (spreaderOf(fields)(values, 0, values.length, columns, fields) < values.length) return undefined;
  const packed = columns.map((column, at) => packColumn(column, texts.of(fields[at] as string), depth + 1));
  return new RecordColumn(packed, readerOf(fields));
}

/** Records of several shapes, by their shapes; undefined: there are too many. */
function packShapes(values: readonly unknown[], texts: TextDictionaries, depth: number): PackedColumn | undefined {
  const shapes = new Map<string, unknown[]>();
  const shapeOf = new Uint8Array(values.length);
  const placeIn = new Uint32Array(values.length);
  const numbers = new Map<unknown[], number>();
  for (const [i, value] of values.entries()) {
    const name = JSON.stringify(fieldsOf(value) ?? null);
    const alike = shapes.get(name) ?? [];
    if (alike.length === 0) {
      if (shapes.size === SHAPES_MAX) return undefined;
      shapes.set(name, alike);
      numbers.set(alike, numbers.size);
    }
    shapeOf[i] = numbers.get(alike) as number;
    placeIn[i] = alike.push(value) - 1;
  }
  const columns = [...shapes.values()].map((alike) => packOneShape(alike, texts, depth));
  return new ShapesColumn(shapeOf, placeIn, columns);
}

function packOneShape(alike: readonly unknown[], texts: TextDictionaries, depth: number): PackedColumn {
  return packRecords(alike, texts, depth) ?? packLists(alike, texts, depth) ?? new ValuesColumn(alike);
}

/** Undefined: not all are arrays, or one has holes. */
function packLists(values: readonly unknown[], texts: TextDictionaries, depth: number): PackedColumn | undefined {
  if (depth === DEPTH_MAX) return undefined;
  const lengths: number[] = new Array(values.length);
  const elements: unknown[] = [];
  for (let i = 0; i < values.length; i++) {
    const list = values[i];
    if (!isList(list)) return undefined;
    lengths[i] = list.length;
    for (let at = 0; at < list.length; at++) {
      const element = list[at];
      if (element === undefined && !(at in list)) return undefined;
      elements.push(element);
    }
  }
  const column = elements.length === 0 ? NOTHING : packColumn(elements, texts, depth + 1);
  return new ListsColumn(listEnds(lengths, elements.length), column);
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype;
}

/** Makes the record at a place. */
type RecordReader = (columns: readonly PackedColumn[], place: number) => unknown;

const readers = new CompiledCache<RecordReader>();

function readerOf(fields: readonly string[]): RecordReader {
  return readers.get(fields.map((field) => JSON.stringify(field)).join(), ["columns", "place"], () => {
    const literal = fields.map((field, at) => `${literalKey(field)}: columns[${at}].at(place)`).join();
    return `return { ${literal} };`;
  });
}
