/**
 * One column of one row group, decoded page by page as far as rows are asked for. So the first rows come after one page
 * a column, memory holds one page a column, and a reader that goes forward decodes each page at most once.
 */

import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import {
  type DecodedArray,
  type FileMetaData,
  type PageHeader,
  type ParquetParsers,
  parquetScan,
  parquetSchema,
  type SchemaTree,
} from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { decompressPage, readDataPage, readDataPageV2 } from "hyparquet/src/datapage.js";
import { readPlain } from "hyparquet/src/plain.js";
import { isFlatColumn } from "hyparquet/src/schema.js";
import { compressors } from "hyparquet-compressors";
import { readInto } from "./input-files.ts";
import { PAGE_BYTES_MAX, PAGE_HEADER_BYTES_MAX, PAGE_WINDOW_BYTES } from "./limits.ts";
import { chunkRange, damaged, type ParquetGroup } from "./parquet-footer.ts";
import { type Convert, converterOf, withNulls } from "./parquet-values.ts";

export interface ParquetColumn {
  /** The row, counted in the row group, of `values[0]`. */
  readonly start: number;
  readonly values: ArrayLike<unknown>;
  /** ENSURES: the values cover the row. */
  seek(row: number): Promise<void>;
}

/** What a column needs to know of its file. */
export interface ParquetPlace {
  readonly path: string;
  readonly size: number;
  readonly handle: FileHandle;
  readonly metadata: FileMetaData;
  readonly parsers: ParquetParsers;
}

export function openColumn(file: ParquetPlace, group: ParquetGroup, column: SchemaTree): ParquetColumn {
  const root = parquetSchema(file.metadata);
  return isFlatColumn([root, column])
    ? new FlatColumn(file, group, root, column)
    : new NestedColumn(file, group, column);
}

class FlatColumn implements ParquetColumn {
  start = 0;
  values: ArrayLike<unknown> = [];
  readonly #file: ParquetPlace;
  readonly #name: string;
  readonly #convert: Convert;
  readonly #decoder: Parameters<typeof readDataPageV2>[2];
  readonly #begin: number;
  readonly #end: number;
  #dictionary: ArrayLike<unknown> | undefined;
  /** Where in the file the next page begins, and its first row. */
  #offset: number;
  #row = 0;
  #bytes = new Uint8Array(0);
  #bytesOffset = 0;

  constructor(file: ParquetPlace, group: ParquetGroup, root: SchemaTree, column: SchemaTree) {
    this.#file = file;
    this.#name = column.element.name;
    const chunk = group.rowGroup.columns.find(
      ({ meta_data }) => meta_data?.path_in_schema[0] === this.#name,
    )?.meta_data;
    if (chunk === undefined) throw damaged(file.path, `a row group lacks the column "${this.#name}"`);
    const schemaPath = [root, column];
    this.#convert = converterOf(column, schemaPath, file.parsers);
    const { type, codec } = chunk;
    const { element, path: pathInSchema } = column;
    this.#decoder = { pathInSchema, type, element, schemaPath, codec, parsers: file.parsers, compressors, utf8: false };
    const { start, end } = chunkRange(chunk);
    [this.#begin, this.#end, this.#offset] = [start, end, start];
  }

  async seek(row: number): Promise<void> {
    if (row < this.start) [this.#offset, this.#row] = [this.#begin, 0];
    while (row < this.start || row >= this.start + this.values.length) await this.#nextPage(row);
  }

  /** Reads the page at the offset, or goes past it when the row lies behind it. */
  async #nextPage(row: number): Promise<void> {
    if (this.#offset >= this.#end) throw this.#damaged(`has no row ${row}`);
    const [header, headerBytes] = await this.#header();
    const length = header.compressed_page_size;
    const place = this.#offset + headerBytes;
    if (!(length >= 0 && place + length <= this.#end && header.uncompressed_page_size <= PAGE_BYTES_MAX)) {
      throw this.#damaged("has a page of an impossible size");
    }
    this.#offset = place + length;
    const rows = header.data_page_header?.num_values ?? header.data_page_header_v2?.num_rows;
    const start = this.#row;
    this.#row += rows ?? 0;
    if (rows !== undefined && row >= this.#row) return;
    const bytes = (await this.#at(place, length)).subarray(0, length);
    if (header.crc !== undefined && crc32(bytes) !== header.crc >>> 0)
      throw this.#damaged("has a page with a wrong checksum");
    try {
      if (header.type === "DICTIONARY_PAGE") this.#dictionary = this.#decodeDictionary(header, bytes);
      else if (rows !== undefined) [this.values, this.start] = [this.#decodePage(header, bytes, rows), start];
    } catch (cause) {
      throw this.#damaged("has a page that cannot be decoded", cause);
    }
  }

  /** A header tells its length only when it is parsed: with more and more bytes, until they are enough. */
  async #header(): Promise<[PageHeader, number]> {
    for (let length = 1024; ; length *= 4) {
      const bytes = await this.#at(this.#offset, length);
      const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), offset: 0 };
      try {
        return [parquetHeader(reader), reader.offset];
      } catch (cause) {
        const isAll = this.#offset + bytes.length >= this.#end;
        if (isAll || bytes.length > PAGE_HEADER_BYTES_MAX)
          throw this.#damaged("has a page header that cannot be read", cause);
      }
    }
  }

  /** At least `length` bytes of the file, or all up to the column's end. Never memory that is written again: records may view it. */
  async #at(offset: number, length: number): Promise<Uint8Array> {
    const from = offset - this.#bytesOffset;
    if (from >= 0 && from + Math.min(length, this.#end - offset) <= this.#bytes.length)
      return this.#bytes.subarray(from);
    const bytes = new Uint8Array(Math.min(Math.max(length, PAGE_WINDOW_BYTES), this.#end - offset));
    const read = await readInto(this.#file.handle, bytes, offset, this.#file.path);
    if (read < bytes.length) throw this.#damaged("is cut short: the file changed while it was read");
    [this.#bytes, this.#bytesOffset] = [bytes, offset];
    return bytes;
  }

  #decodeDictionary(header: PageHeader, bytes: Uint8Array): ArrayLike<unknown> {
    const { type, codec, element } = this.#decoder;
    const page = decompressPage(bytes, header.uncompressed_page_size, codec, compressors);
    const reader = { view: new DataView(page.buffer, page.byteOffset, page.byteLength), offset: 0 };
    const count = header.dictionary_page_header?.num_values ?? 0;
    return this.#convert(readPlain(reader, type, count, element.type_length));
  }

  #decodePage(header: PageHeader, bytes: Uint8Array, rows: number): ArrayLike<unknown> {
    const v1 = header.data_page_header;
    const { definitionLevels, dataPage } =
      v1 === undefined
        ? readDataPageV2(bytes, header, this.#decoder)
        : readDataPage(
            decompressPage(bytes, header.uncompressed_page_size, this.#decoder.codec, compressors),
            v1,
            this.#decoder,
          );
    const encoding = v1?.encoding ?? header.data_page_header_v2?.encoding ?? "PLAIN";
    const present = encoding.endsWith("_DICTIONARY") ? this.#lookUp(dataPage) : this.#convert(dataPage);
    const values =
      definitionLevels === undefined || definitionLevels.length === 0 ? present : spread(present, definitionLevels);
    if (values.length !== rows) throw new Error(`expected ${rows} values, got ${values.length}`);
    return values;
  }

  #lookUp(indices: DecodedArray): unknown[] {
    const dictionary = this.#dictionary;
    if (dictionary === undefined) throw new Error("its dictionary is missing");
    const values = new Array<unknown>(indices.length);
    for (let at = 0; at < values.length; at++) {
      const index = indices[at] as number;
      if (index >= dictionary.length) throw new Error(`its dictionary has no entry ${index}`);
      values[at] = dictionary[index];
    }
    return values;
  }

  #damaged(what: string, cause?: unknown): Error {
    return damaged(this.#file.path, `column "${this.#name}" ${what}`, cause);
  }
}

/** Puts a null where the definition level of a flat column is 0. */
function spread(present: ArrayLike<unknown>, definitionLevels: readonly number[]): unknown[] {
  const values = new Array<unknown>(definitionLevels.length);
  let next = 0;
  for (let at = 0; at < values.length; at++) values[at] = definitionLevels[at] === 0 ? null : present[next++];
  return values;
}

/** Lists, maps and structs: assembled by hyparquet for the whole row group at once, since their pages do not end with rows. */
class NestedColumn implements ParquetColumn {
  readonly start = 0;
  values: ArrayLike<unknown> = [];
  readonly #file: ParquetPlace;
  readonly #group: ParquetGroup;
  readonly #column: SchemaTree;

  constructor(file: ParquetPlace, group: ParquetGroup, column: SchemaTree) {
    this.#file = file;
    this.#group = group;
    this.#column = column;
  }

  async seek(): Promise<void> {
    if (this.values.length > 0) return;
    const { path, size, handle, metadata, parsers } = this.#file;
    const { name } = this.#column.element;
    const { start, rows } = this.#group;
    const slice = async (from: number, to = size): Promise<ArrayBuffer> => {
      const bytes = new Uint8Array(to - from);
      await readInto(handle, bytes, from, path);
      return bytes.buffer;
    };
    try {
      const file = { byteLength: size, slice };
      const scan = await parquetScan({ file, metadata, columns: [name], parsers, compressors, utf8: false });
      const values = await scan.readColumn({ column: name, rowStart: start, rowEnd: start + rows });
      if (values.length !== rows) throw new Error(`expected ${rows} values, got ${values.length}`);
      this.values = Array.from(values as ArrayLike<unknown>, withNulls);
    } catch (cause) {
      throw damaged(path, `column "${name}" cannot be decoded`, cause);
    }
  }
}
