/** Parquet files as a source. */

import { MillraceError } from "../../core/errors.ts";
import type { Gate, Push } from "../../core/operator.ts";
import type { ReadStep, Source, SourceReader } from "../../core/source.ts";
import { NO_TIMESTAMP } from "../../core/time.ts";
import { wholeNumber } from "../options.ts";
import { inOrder, ranges } from "../splits.ts";
import { inputFiles, listed, openInput, type Paths, sourceName } from "./input-files.ts";
import { SPLIT_ROWS } from "./limits.ts";
import { objectLiteral } from "./object-literal.ts";
import { openColumn, type ParquetColumn, type ParquetFile } from "./parquet-column.ts";
import { damaged, type ParquetGroup, readFooter } from "./parquet-footer.ts";
import { parsersOf, type Timestamps } from "./parquet-values.ts";

export interface ParquetOptions {
  /** The columns to read, in the order of the record's fields; others cost nothing. Default: all. */
  readonly columns?: readonly string[];
  /** Adds to each record its row's number in the file. */
  readonly positionField?: string;
  /** Rows that one subtask reads at a stretch. Default 20,000, which is the page size of most writers. */
  readonly splitRows?: number;
  /** Timestamps and dates as epoch milliseconds or as Dates. Default "ms". */
  readonly timestamps?: Timestamps;
}

/** The rows `start` … `end`-1 of a file, all of one row group. */
export interface ParquetSplit {
  /** Absolute. */
  readonly path: string;
  readonly group: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Reads Parquet files with all codecs but LZO. Records have no timestamp.
 *
 * `path` is a file, a folder (its *.parquet files in the order of their names) or a list of them, relative to the
 * working directory of the process that runs the job.
 *
 * Values: integers up to 32 bits, floats and decimals are numbers (a decimal of more than 15 digits is rounded), 64-bit
 * integers bigints, timestamps and dates epoch milliseconds (finer units are rounded down), strings, enums and UUIDs
 * strings, JSON is parsed, other bytes are Uint8Arrays. Lists are arrays, structs and maps are objects. What is missing
 * is null.
 *
 * A split is a range of rows in a row group. Splits are dealt out in order, so all subtasks read at about the same place
 * of the file, and each decodes only pages that its splits touch. Nested columns are decoded a row group at a time.
 *
 * @throws MillraceError INPUT_UNREADABLE when a file does not exist or cannot be read, or a folder holds no such file;
 *   INPUT_FORMAT when it is no Parquet file, damaged, encrypted, of an unknown codec, or lacks a column; BAD_OPTION.
 */
export function parquet<T>(path: Paths, options: ParquetOptions = {}): Source<T, ParquetSplit> {
  const splitRows = wholeNumber(options.splitRows ?? SPLIT_ROWS, 1, "splitRows of parquet");
  const paths = Object.freeze([...listed(path)]);
  return Object.freeze<Source<T, ParquetSplit>>({
    name: sourceName("parquet", path),
    bounded: true,
    async enumerate() {
      const files = await inputFiles(paths, [".parquet"]);
      const splits: ParquetSplit[] = [];
      for (const file of files) splits.push(...(await splitsOf(file.path, splitRows, options)));
      return inOrder(splits);
    },
    reader: () => new ParquetReader<T>(options),
  });
}

async function splitsOf(path: string, splitRows: number, options: ParquetOptions): Promise<readonly ParquetSplit[]> {
  const file = await openParquet(path, options);
  await file.handle.close();
  return file.footer.groups.flatMap(({ start, rows }, group) =>
    Array.from(ranges(rows, splitRows), (range) => ({ path, group, start: start + range.start, end: start + range.end })),
  );
}

async function openParquet(path: string, options: ParquetOptions): Promise<ParquetFile> {
  const handle = await openInput(path);
  try {
    const { size } = await handle.stat();
    const footer = await readFooter(handle, path, size, options.columns);
    const names = footer.columns.map(({ element }) => element.name);
    if (options.positionField !== undefined && names.includes(options.positionField)) {
      throw new MillraceError("BAD_OPTION", `${path} has a column "${options.positionField}"; name positionField otherwise`);
    }
    return { path, size, handle, footer, parsers: parsersOf(options.timestamps ?? "ms") };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Makes the record of a row, which is counted in its row group. */
type MakeRecord = (row: number) => unknown;

class ParquetReader<T> implements SourceReader<T, ParquetSplit> {
  readonly #options: ParquetOptions;
  #file: ParquetFile | undefined;
  #group: ParquetGroup | undefined;
  #columns: readonly ParquetColumn[] = [];
  #recordsOf: RecordsOf = () => () => undefined;
  #end = 0;
  /** The next row, counted in the file. */
  #row = 0;
  /** The row up to which all columns' current pages hold values, and what makes records of these. */
  #decodedEnd = 0;
  #record: MakeRecord = () => undefined;

  constructor(options: ParquetOptions) {
    this.#options = options;
  }

  async begin(split: ParquetSplit, position?: unknown): Promise<void> {
    const file = await this.#open(split.path);
    const group = file.footer.groups[split.group];
    if (group === undefined || split.end > group.start + group.rows) {
      throw damaged(split.path, "it has fewer rows than when the job began");
    }
    if (group !== this.#group) {
      this.#columns = file.footer.columns.map((column) => openColumn(file, group, column));
      this.#group = group;
    }
    this.#row = (position as number | undefined) ?? split.start;
    this.#end = split.end;
    this.#decodedEnd = this.#row;
  }

  read(push: Push<T>, max: number, gate: Gate): ReadStep | Promise<ReadStep> {
    if (this.#row === this.#end) return "end";
    if (this.#row === this.#decodedEnd) return this.#decode();
    const groupStart = this.#group?.start ?? 0;
    const end = Math.min(this.#decodedEnd, this.#row + max) - groupStart;
    const record = this.#record;
    let row = this.#row - groupStart;
    for (; row < end && !gate.blocked; row++) push(record(row) as T, NO_TIMESTAMP);
    this.#row = groupStart + row;
    return this.#row === this.#end ? "end" : "more";
  }

  position(): number {
    return this.#row;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.handle.close();
  }

  /** One page of one column at a time, so that the slot gets to its other subtasks in between. */
  async #decode(): Promise<ReadStep> {
    const groupStart = this.#group?.start ?? 0;
    const row = this.#row - groupStart;
    const behind = this.#columns.find(({ start, values }) => row < start || row >= start + values.length);
    if (behind !== undefined) {
      await behind.seek(row);
      return "more";
    }
    const ends = this.#columns.map(({ start, values }) => groupStart + start + values.length);
    this.#decodedEnd = Math.min(this.#end, ...ends);
    this.#record = this.#recordsOf(this.#columns, groupStart);
    return "more";
  }

  async #open(path: string): Promise<ParquetFile> {
    if (this.#file?.path === path) return this.#file;
    await this.close();
    this.#group = undefined;
    this.#file = await openParquet(path, this.#options);
    const names = this.#file.footer.columns.map(({ element }) => element.name);
    this.#recordsOf = recordsOf(names, this.#options.positionField);
    return this.#file;
  }
}

type RecordsOf = (columns: readonly ParquetColumn[], groupStart: number) => MakeRecord;

/** Generates the function that makes records of the columns' current pages. */
function recordsOf(names: readonly string[], positionField: string | undefined): RecordsOf {
  const fields = names.map((name, at): [string, string] => [name, `values${at}[row - start${at}]`]);
  if (positionField !== undefined) fields.push([positionField, "groupStart + row"]);
  const parts = names.map((_, at) => `const { start: start${at}, values: values${at} } = columns[${at}];`);
  const body = `${parts.join("\n")}\nreturn (row) => (${objectLiteral(fields)});`;
  return new Function("columns", "groupStart", body) as RecordsOf;
}
