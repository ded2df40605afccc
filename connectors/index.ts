/** The connectors that user programs may use. */

export { type GenerateOptions, generate } from "./datagen.ts";
export type { BadLine, BadLineOptions } from "./file/bad-lines.ts";
export { type CsvOptions, csv } from "./file/csv.ts";
export type { CsvColumns, CsvColumnType, CsvRecord } from "./file/csv-columns.ts";
export { type JsonlOptions, jsonl } from "./file/jsonl.ts";
export { type ToJsonlOptions, toJsonl } from "./file/jsonl-sink.ts";
export { type JsonlTableOptions, toJsonlTable } from "./file/jsonl-table.ts";
export { type ParquetOptions, parquet } from "./file/parquet.ts";
export { type TextLinesOptions, textLines } from "./file/text-lines.ts";
export { type CollectTableOptions, collectTable, collectTo, type FromArrayOptions, fromArray } from "./memory.ts";
export { type PrintOptions, type PrintStream, print, printChanges } from "./print.ts";
