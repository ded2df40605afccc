/** CSV files as a source. */

import { MillraceError } from "../../core/errors.ts";
import type { Source } from "../../core/source.ts";
import { wholeNumber } from "../options.ts";
import { type BadLineOptions, BadLines } from "./bad-lines.ts";
import { type CsvColumns, type CsvConvert, type CsvRecord, csvConverter } from "./csv-columns.ts";
import { csvFields, csvRecordEnd } from "./csv-grammar.ts";
import { type CsvBegun, type CsvSettings, type CsvSplit, csvEnumerator, csvRecordText } from "./csv-splits.ts";
import { inputBytes, inputFiles, listed, type Paths, sourceName } from "./input-files.ts";
import { CSV_RECORD_BYTES_MAX, SPLIT_BYTES } from "./limits.ts";
import { markBytes, textHead } from "./text-file.ts";
import { type TextFormat, TextReader } from "./text-reader.ts";

export interface CsvOptions<Columns extends CsvColumns> extends BadLineOptions {
  /** Which columns to read, as what: `{ price: "number", when: "date" }`. Default: all, as strings. */
  readonly columns?: Columns;
  /** Whether the first record names the columns. Else `columns` names all of them in their order. Default true. */
  readonly header?: boolean;
  /** One ASCII character. Default ",". */
  readonly delimiter?: string;
  /** One ASCII character, or "" when quotes have no meaning. Default '"'. */
  readonly quote?: string;
  /** Adds to each record the byte offset at which it begins in the file. */
  readonly positionField?: string;
  /** Bytes of a file that one subtask reads at a stretch. Default 4 MiB. */
  readonly splitBytes?: number;
  /** A longer record is a bad line. Default 1 MiB. */
  readonly recordBytesMax?: number;
}

/**
 * Reads CSV as in RFC 4180: UTF-8, records ending in \n or \r\n, quoted fields with delimiters, line breaks and doubled
 * quotes inside. Blank lines are skipped. Records have no timestamp; their type follows from `columns`, in which an
 * empty field is null ("" in a string column). Numbers are decimal; dates are ISO 8601, in UTC when they name no zone.
 *
 * `path` is a file, a folder (its *.csv and *.tsv files in the order of their names) or a list of them, relative to the
 * working directory of the process that runs the job. An empty file is an empty stream.
 *
 * A split is a byte range that begins and ends with a record. Only who has read everything before it knows whether a
 * line break is quoted, so the enumerator looks for the next split's end when it is asked for that split: at about
 * 0.2 GB/s (measured), on the thread that runs the enumerator, while the readers parse.
 *
 * A record with a wrong number of fields, a field that is not of its column's type, stray quotes or bytes that are no
 * UTF-8 is counted in the metric `badLines`, sent to `options.badLines`, warned of once a file, and skipped, unless
 * `onBadLine` is "fail".
 *
 * @throws MillraceError INPUT_UNREADABLE when a file does not exist or cannot be read, or a folder holds no such file;
 *   INPUT_FORMAT when it lacks a column, has two of one name, or is no text; BAD_OPTION.
 */
export function csv<const Columns extends CsvColumns = Readonly<Record<string, "string">>>(
  path: Paths,
  options: CsvOptions<Columns> = {},
): Source<CsvRecord<Columns>, CsvSplit> {
  const settings = checked(options);
  const paths = Object.freeze([...listed(path)]);
  const format = csvFormat<CsvRecord<Columns>>(settings);
  return Object.freeze<Source<CsvRecord<Columns>, CsvSplit>>({
    name: sourceName("csv", path),
    bounded: true,
    sizeBytes: (workingDirectory) => inputBytes(paths, [".csv", ".tsv"], workingDirectory),
    async enumerate({ workingDirectory, restored }) {
      const begun = restored as CsvBegun | undefined; // of the enumerator's snapshot
      const files = begun?.files ?? (await inputFiles(paths, [".csv", ".tsv"], workingDirectory));
      for (const file of files) await textHead(file.path);
      return csvEnumerator(files, settings, begun);
    },
    reader: (context) => new TextReader(format, new BadLines(context, options)),
  });
}

function checked(options: CsvOptions<CsvColumns>): CsvSettings {
  const { header = true, columns, delimiter = ",", quote = '"', positionField } = options;
  const { splitBytes = SPLIT_BYTES, recordBytesMax = CSV_RECORD_BYTES_MAX } = options;
  const marks = /^[\t -~]$/;
  if (!marks.test(delimiter) || !(quote === "" || marks.test(quote)) || /[\r\n]/.test(delimiter + quote)) {
    throw new MillraceError(
      "BAD_OPTION",
      "csv expects delimiter and quote to be one ASCII character each, but no line end",
    );
  }
  if (delimiter === quote) throw new MillraceError("BAD_OPTION", "csv expects delimiter and quote to differ");
  if (!header && columns === undefined) {
    throw new MillraceError(
      "BAD_OPTION",
      "csv without a header expects the option columns, with all columns in their order",
    );
  }
  for (const [name, type] of Object.entries(columns ?? {})) {
    if (["string", "number", "boolean", "date"].includes(type)) continue;
    throw new MillraceError(
      "BAD_OPTION",
      `csv knows "string", "number", "boolean" and "date", not "${type}" (column "${name}")`,
    );
  }
  wholeNumber(splitBytes, 1, "splitBytes of csv");
  wholeNumber(recordBytesMax, 1, "recordBytesMax of csv");
  return { header, columns, delimiter, quote, positionField, splitBytes, recordBytesMax };
}

function csvFormat<T>(settings: CsvSettings): TextFormat<T, CsvSplit> {
  const converters = new Map<string, CsvConvert>();
  const converterFor = (header: readonly string[]): CsvConvert => {
    const key = JSON.stringify(header);
    const known = converters.get(key);
    if (known !== undefined) return known;
    const columns = settings.columns ?? Object.fromEntries(header.map((name) => [name, "string" as const]));
    const made = csvConverter(header, columns, settings.positionField);
    converters.set(key, made);
    return made;
  };
  return {
    recordBytesMax: settings.recordBytesMax,
    splitsAtRecords: true,
    recordEnd: (bytes, from, ended) => csvRecordEnd(settings, bytes, from, ended),
    decoder({ header }) {
      const convert = converterFor(header);
      return (bytes, from, to, offset) => {
        const record = csvRecordText(bytes, offset === 0 ? from + markBytes(bytes.subarray(from, to)) : from, to);
        return record === "" ? undefined : (convert(csvFields(settings, record), offset) as T);
      };
    },
  };
}
