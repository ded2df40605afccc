/** An open Parquet file: what the enumerator divides and a reader reads from. The only way to hyparquet, loaded on demand. */

import type { FileHandle } from "node:fs/promises";
import { MillraceError } from "../../core/errors.ts";
import { ranges } from "../splits.ts";
import { openInput } from "./input-files.ts";
import type { ParquetOptions, ParquetSplit } from "./parquet.ts";
import { openColumn, type ParquetColumn } from "./parquet-column.ts";
import { damaged, type ParquetFooter, readFooter } from "./parquet-footer.ts";
import { parsersOf } from "./parquet-values.ts";

/** A row group that is being read. */
export interface OpenGroup {
  readonly index: number;
  /** The number of its first row in the file. */
  readonly start: number;
  readonly columns: readonly ParquetColumn[];
}

export class ParquetFile implements AsyncDisposable {
  readonly path: string;
  readonly #size: number;
  readonly #handle: FileHandle;
  readonly #footer: ParquetFooter;
  readonly #options: ParquetOptions;

  private constructor(path: string, size: number, handle: FileHandle, footer: ParquetFooter, options: ParquetOptions) {
    this.path = path;
    this.#size = size;
    this.#handle = handle;
    this.#footer = footer;
    this.#options = options;
  }

  /** @throws MillraceError INPUT_UNREADABLE; INPUT_FORMAT; BAD_OPTION when `positionField` is a column already. */
  static async open(path: string, options: ParquetOptions): Promise<ParquetFile> {
    const handle = await openInput(path);
    try {
      const { size } = await handle.stat();
      const file = new ParquetFile(path, size, handle, await readFooter(handle, path, size, options.columns), options);
      const { positionField } = options;
      if (positionField === undefined || !file.columnNames.includes(positionField)) return file;
      throw new MillraceError("BAD_OPTION", `${path} has a column "${positionField}"; name positionField otherwise`);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get columnNames(): readonly string[] {
    return this.#footer.columns.map(({ element }) => element.name);
  }

  /** Row ranges in order, none of them across two row groups. */
  splits(splitRows: number): readonly ParquetSplit[] {
    const { path } = this;
    return this.#footer.groups.flatMap(({ start, rows }, group) =>
      Array.from(ranges(rows, splitRows), (range) => ({
        path,
        group,
        start: start + range.start,
        end: start + range.end,
      })),
    );
  }

  /** @throws MillraceError INPUT_FORMAT when the file has become another one since the splits were made. */
  checkRows({ group, start, end }: ParquetSplit): void {
    const found = this.#footer.groups[group];
    if (found !== undefined && start >= found.start && end <= found.start + found.rows) return;
    throw damaged(this.path, "it has other rows than when the job began");
  }

  openGroup(index: number): OpenGroup | undefined {
    const group = this.#footer.groups[index];
    if (group === undefined) return undefined;
    const place = {
      path: this.path,
      size: this.#size,
      handle: this.#handle,
      metadata: this.#footer.metadata,
      parsers: parsersOf(this.#options.timestamps ?? "ms"),
    };
    const columns = this.#footer.columns.map((column) => openColumn(place, group, column));
    return { index, start: group.start, columns };
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
