/**
 * Marks of whole numbers that lie densely, as ids mostly do: of 256 consecutive values, a page, the marks alone, side by side. A
 * value of a page that is full takes 1 byte, where a cell of its own (`distinct.ts`) takes 12 to 24, and values that are near to
 * each other are so in memory.
 *
 *   directory   open addressing with linear probing, at most two thirds full: the number of a page, which is that of its values
 *               without their lower 8 bits, and one more than its place; 0: the cell is empty
 *   marks       those of a page from 256 times its place on, a byte each while all marks of the set fit in one, else four; no
 *               marks: the value is not in the set
 *
 * A set begins in cells. When these are full, the pages of which many values are there are taken out of them (`takePages`), if
 * that is a good part of all; what lies sparsely stays. So each value is either in a page or in a cell, and has no cell when
 * there is its page. All of it is plain data.
 */

export interface DensePages {
  directory: Int32Array;
  /** How many pages there are. */
  pages: number;
  /** How many values have marks. */
  values: number;
  marks: Uint8Array | Int32Array;
}

/** Values in cells: cell i has one at 2i, and its marks at 2i + 1; no marks: the cell is empty. */
export interface FullCells {
  readonly cells: Int32Array;
  /** The places of the first cell, and behind the last one. */
  readonly from: number;
  readonly to: number;
  /** How many are in use. */
  readonly used: number;
}

const PAGE_BITS = 8;
const PAGE_VALUES = 1 << PAGE_BITS;
const BYTE = 0xff;

/** With so many of its values a page of bytes takes no more than their cells, at their least; one of wider marks, with so many. */
const DENSE_MIN = 22;
const DENSE_WIDE_MIN = 86;

/** Fewer than one value of so many in pages are left where they are. */
const GAIN_OF = 4;

/** In fewer cells it is not looked for values that lie densely; a set that has pages already has fewer. */
const CELLS_MIN = 512;
const CELLS_BESIDE_MIN = 256;

/**
 * Values of pages are counted roughly first: by a hash of the page, of few cells among fewer counters. Of more values than so many it
 * is a quarter of the cells, which has a quarter of each page, and of pages those that the upper bits of the hash choose.
 */
const ROUGHLY_ALL_MAX = 4096;
const COUNTERS = 1024;
const FEW_CELLS = 1024;
const FEW_COUNTERS = 256;
const SAMPLE_SHIFT = 20;
const SAMPLE_BITS = (1 << 12) - 1;

/** Nobody has them from one count to the next. */
const counters = new Int32Array(COUNTERS);

const DIRECTORY_MIN = 8;
const PAGES_MIN = 4;

/** Smaller ones are not worth a call. */
const GIVEN_BACK_MIN_BYTES = 4096;

/** Where the marks of a value are; -1: there is no page of it. */
export function placeIn({ directory }: DensePages, value: number): number {
  const number = directory[cellOf(directory, value >> PAGE_BITS) + 1] as number;
  return number === 0 ? -1 : (number - 1) * PAGE_VALUES + (value & (PAGE_VALUES - 1));
}

/** Adds marks to those at a place, and returns those that were not there. REQUIRES: a mark. */
export function markPlace(pages: DensePages, place: number, marks: number): number {
  const before = pages.marks[place] as number;
  const fresh = marks & ~before;
  if (fresh === 0) return 0;
  if ((fresh & ~BYTE) !== 0) widen(pages);
  pages.marks[place] = before | fresh;
  if (before === 0) pages.values++;
  return fresh;
}

/** Calls `visit` for each value with its marks. */
export function eachInPages({ directory, marks }: DensePages, visit: (value: number, marks: number) => void): void {
  for (let cell = 0; cell < directory.length; cell += 2) {
    if (directory[cell + 1] === 0) continue;
    const first = (directory[cell] as number) << PAGE_BITS;
    const from = ((directory[cell + 1] as number) - 1) * PAGE_VALUES;
    for (let i = 0; i < PAGE_VALUES; i++) {
      const its = marks[from + i] as number;
      if (its !== 0) visit(first + i, its);
    }
  }
}

/** The same as plain data of nobody else, in no more memory than it takes. */
export function copyOfPages({ directory, pages, values, marks }: DensePages): DensePages {
  return { directory: directory.slice(), pages, values, marks: marks.slice(0, pages * PAGE_VALUES) };
}

/**
 * Makes pages of the values that lie densely, if they are a good part of all.
 *
 *   1. Count roughly: where values lie sparsely, that will do.
 *   2. Count how many values each page has.
 *   3. Put values into the pages that have many.
 *
 * REQUIRES: no value has a page. @param pages those that there are, which are changed.
 * @returns all pages, and how many values were taken, which have to go out of the cells; undefined: nothing was done.
 */
export function takePages(
  pages: DensePages | undefined,
  values: FullCells,
): { readonly pages: DensePages; readonly taken: number } | undefined {
  if (values.to - values.from < (pages === undefined ? CELLS_MIN : CELLS_BESIDE_MIN)) return undefined;
  const dense = mayLieDensely(values) ? densePagesOf(values) : undefined;
  if (dense === undefined) return undefined;
  const all = pages ?? { directory: new Int32Array(2 * DIRECTORY_MIN), pages: 0, values: 0, marks: new Uint8Array(0) };
  const before = all.values;
  for (const page of dense) addPage(all, page);
  const { cells, from, to } = values;
  for (let at = 2 * from; at < 2 * to; at += 2) {
    const marks = cells[at + 1] as number;
    if (marks === 0) continue;
    const place = placeIn(all, cells[at] as number);
    if (place >= 0) markPlace(all, place, marks);
  }
  return { pages: all, taken: all.values - before };
}

/** For how many values there is to be room in the cells that so many are left in, so that they are not full again at once. */
export function valuesBeside(left: number): number {
  return Math.max((2 * CELLS_BESIDE_MIN) / 3, (4 * left) / 3);
}

function addPage(all: DensePages, page: number): void {
  all.directory = withRoom(all.directory, ++all.pages);
  const cell = cellOf(all.directory, page);
  all.directory[cell] = page;
  all.directory[cell + 1] = all.pages;
  if (all.pages * PAGE_VALUES > all.marks.length) lengthen(all, Math.max(PAGES_MIN, all.pages + (all.pages >> 1)));
}

function lengthen(all: DensePages, pages: number): void {
  const { marks } = all;
  const arrays = marks instanceof Uint8Array ? Uint8Array : Int32Array;
  all.marks = new arrays(pages * PAGE_VALUES);
  all.marks.set(marks);
  giveBack(marks);
}

function widen(all: DensePages): void {
  const { marks } = all;
  if (marks instanceof Int32Array) return;
  all.marks = new Int32Array(marks);
  giveBack(marks);
}

/** Whether a good part of the values may be in pages that have many. */
function mayLieDensely({ cells, from, to, used }: FullCells): boolean {
  const areMany = used > ROUGHLY_ALL_MAX;
  const [end, min, sample] = areMany
    ? [from + ((to - from) >> 2), DENSE_MIN >> 2, sampleOf(used >> 2)]
    : [to, DENSE_MIN, 0];
  const last = (to - from <= FEW_CELLS ? FEW_COUNTERS : COUNTERS) - 1;
  counters.fill(0, 0, last + 1);
  let counted = 0;
  for (let at = 2 * from; at < 2 * end; at += 2) {
    if (cells[at + 1] === 0) continue;
    const hash = hashOf((cells[at] as number) >> PAGE_BITS);
    if (((hash >>> SAMPLE_SHIFT) & sample) !== 0) continue;
    (counters[hash & last] as number)++;
    counted++;
  }
  let dense = 0;
  for (let i = 0; i <= last; i++) if ((counters[i] as number) >= min) dense += counters[i] as number;
  return dense > 0 && GAIN_OF * dense >= counted;
}

/** Bits of which none is set in the hashes of so many values' pages that there is a counter for each value. */
function sampleOf(values: number): number {
  let bits = 0;
  while (COUNTERS * (bits + 1) < values && bits < SAMPLE_BITS) bits = 2 * bits + 1;
  return bits;
}

/** The pages that have many values, if these are a good part of all. */
function densePagesOf(values: FullCells): readonly number[] | undefined {
  const { counts, marks } = countPages(values);
  const min = (marks & ~BYTE) === 0 ? DENSE_MIN : DENSE_WIDE_MIN;
  const pages: number[] = [];
  let dense = 0;
  for (let cell = 0; cell < counts.length; cell += 2) {
    const count = counts[cell + 1] as number;
    if (count < min) continue;
    pages.push(counts[cell] as number);
    dense += count;
  }
  giveBack(counts);
  return pages.length > 0 && GAIN_OF * dense >= values.used ? pages : undefined;
}

/** A directory that has for each page how many values there are of it; and the marks of all. */
function countPages({ cells, from, to }: FullCells): { readonly counts: Int32Array; readonly marks: number } {
  let counts: Int32Array = new Int32Array(2 * DIRECTORY_MIN);
  let pages = 0;
  let marks = 0;
  for (let at = 2 * from; at < 2 * to; at += 2) {
    const its = cells[at + 1] as number;
    if (its === 0) continue;
    marks |= its;
    const page = (cells[at] as number) >> PAGE_BITS;
    let cell = cellOf(counts, page);
    if (counts[cell + 1] === 0) {
      counts = withRoom(counts, ++pages);
      cell = cellOf(counts, page);
      counts[cell] = page;
    }
    (counts[cell + 1] as number)++;
  }
  return { counts, marks };
}

/** The cell of a page in a directory, or that in which it would be. */
function cellOf(directory: Int32Array, page: number): number {
  const last = directory.length - 2;
  let cell = (2 * hashOf(page)) & last;
  while (directory[cell + 1] !== 0 && directory[cell] !== page) cell = (cell + 2) & last;
  return cell;
}

/** A directory with the same pages that has room for so many. */
function withRoom(directory: Int32Array, pages: number): Int32Array {
  if (3 * pages <= directory.length) return directory;
  const longer = new Int32Array(2 * directory.length);
  for (let from = 0; from < directory.length; from += 2) {
    if (directory[from + 1] === 0) continue;
    const cell = cellOf(longer, directory[from] as number);
    longer[cell] = directory[from] as number;
    longer[cell + 1] = directory[from + 1] as number;
  }
  giveBack(directory);
  return longer;
}

/** Numbers that follow each other, or lie regularly, are to be anywhere. */
function hashOf(page: number): number {
  const mixed = Math.imul(page ^ (page >>> 16), 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

/** The collector would come late to its memory. REQUIRES: nobody uses it any more. */
export function giveBack({ buffer, byteLength }: Int32Array | Uint8Array): void {
  if (byteLength >= GIVEN_BACK_MIN_BYTES && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
