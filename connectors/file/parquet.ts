/** Parquet files as a source. */

import type { Gate, Push } from "../../core/operator.ts";
import type { ReadStep, Source, SourceReader } from "../../core/source.ts";
import { NO_TIMESTAMP } from "../../core/time.ts";
import { wholeNumber } from "../options.ts";
import { inOrder } from "../splits.ts";
import { inputFiles, listed, type Paths, sourceName } from "./input-files.ts";
import { SPLIT_ROWS } from "./limits.ts";
import { objectLiteral } from "./object-literal.ts";
import type { ParquetColumn } from "./parquet-column.ts";
import type { OpenGroup, ParquetFile } from "./parquet-file.ts";
import type { Timestamps } from "./parquet-values.ts";

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

/** The format's code is loaded by the jobs that use it: tens of milliseconds a thread that the others do not pay. */
const open: typeof ParquetFile.open = async (path, options) => {
  const { ParquetFile } = await import("./parquet-file.ts");
  return await ParquetFile.open(path, options);
};

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
    async enumerate({ workingDirectory, restored }) {
      if (restored !== undefined) return inOrder([], restored);
      const files = await inputFiles(paths, [".parquet"], workingDirectory);
      const splits: ParquetSplit[] = [];
      for (const { path } of files) {
        await using file = await open(path, options);
        splits.push(...file.splits(splitRows));
      }
      return inOrder(splits);
    },
    reader: () => new ParquetReader<T>(options),
  });
}

/** Makes the record of a row, which is counted in its row group. */
type MakeRecord = (row: number) => unknown;

class ParquetReader<T> implements SourceReader<T, ParquetSplit> {
  readonly #options: ParquetOptions;
  #file: ParquetFile | undefined;
  #group: OpenGroup | undefined;
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
    if (this.#group?.index !== split.group) this.#group = file.openGroup(split.group);
    file.checkRows(split);
    this.#row = (position as number | undefined) ?? split.start;
    this.#end = split.end;
    this.#decodedEnd = this.#row;
  }

  read(push: Push<T>, max: number, gate: Gate): ReadStep | Promise<ReadStep> {
    if (this.#row === this.#end) return "end";
    if (this.#row === this.#decodedEnd) return this.#decode();
    const { start } = this.#opened();
    const end = Math.min(this.#decodedEnd, this.#row + max) - start;
    const record = this.#record;
    let row = this.#row - start;
    for (; row < end && !gate.blocked; row++) push(record(row) as T, NO_TIMESTAMP);
    this.#row = start + row;
    return this.#row === this.#end ? "end" : "more";
  }

  position(): number {
    return this.#row;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** One page of one column at a time, so that the slot gets to its other subtasks in between. */
  async #decode(): Promise<ReadStep> {
    const { start, columns } = this.#opened();
    const row = this.#row - start;
    const behind = columns.find((column) => row < column.start || row >= column.start + column.values.length);
    if (behind !== undefined) {
      await behind.seek(row);
      return "more";
    }
    const ends = columns.map((column) => start + column.start + column.values.length);
    this.#decodedEnd = Math.min(this.#end, ...ends);
    this.#record = this.#recordsOf(columns, start);
    return "more";
  }

  async #open(path: string): Promise<ParquetFile> {
    if (this.#file?.path === path) return this.#file;
    await this.close();
    this.#group = undefined;
    const file = await open(path, this.#options);
    this.#file = file;
    this.#recordsOf = recordsOf(file.columnNames, this.#options.positionField);
    return file;
  }

  #opened(): OpenGroup {
    if (this.#group === undefined) throw new Error("read before begin");
    return this.#group;
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
