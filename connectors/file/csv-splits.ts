/** Where a CSV file can be divided: found by walking through its records, as far as splits are asked for. */

import { MillraceError } from "../../core/errors.ts";
import type { SplitEnumerator } from "../../core/source.ts";
import { type FoundSplit, foundOnDemand } from "../splits.ts";
import type { CsvColumns } from "./csv-columns.ts";
import { type CsvGrammar, csvFields, csvRecordEnd } from "./csv-grammar.ts";
import { FileWindow } from "./file-window.ts";
import type { InputFile } from "./input-files.ts";
import { markBytes, textOf } from "./text-file.ts";
import { LINE_FEED, type TextSplit } from "./text-reader.ts";

/** A byte range that begins and ends where records do. */
export interface CsvSplit extends TextSplit {
  /** The names of the file's columns in their order. */
  readonly header: readonly string[];
}

export type CsvSettings = CsvGrammar & {
  readonly header: boolean;
  readonly columns: CsvColumns | undefined;
  readonly positionField: string | undefined;
  readonly splitBytes: number;
};

/** How far an enumerator has come: the files from the present one on, and where in that it goes on. */
export interface CsvBegun {
  readonly files: readonly InputFile[];
  readonly offset: number;
  /** Of the present file, once it was read. */
  readonly header: readonly string[] | undefined;
}

export function csvEnumerator(
  files: readonly InputFile[],
  settings: CsvSettings,
  begun: CsvBegun = { files, offset: 0, header: undefined },
): SplitEnumerator<CsvSplit> {
  return foundOnDemand(csvSplits(begun, settings), begun);
}

/** The splits of the files in their order. Closes its file when it is left early. */
async function* csvSplits(begun: CsvBegun, settings: CsvSettings): AsyncGenerator<FoundSplit<CsvSplit>> {
  const walk = new RecordWalk(settings);
  try {
    for (const [at, { path, size }] of begun.files.entries()) {
      const goesOn = at === 0 && begun.header !== undefined;
      await walk.open(path, goesOn ? begun.offset : 0);
      const header = goesOn ? (begun.header as readonly string[]) : await headerOf(walk, path, settings);
      for (let start = walk.offset; start < size; start = walk.offset) {
        await walk.skipTo(Math.min(start + settings.splitBytes, size));
        // A file that was cut meanwhile is for the readers to report.
        const end = walk.offset > start ? Math.min(walk.offset, size) : size;
        const behind: CsvBegun = { files: begun.files.slice(at), offset: end, header };
        yield { split: { path, start, end, header }, behind };
        if (end === size) break;
      }
    }
  } finally {
    await walk.close();
  }
}

async function headerOf(walk: RecordWalk, path: string, settings: CsvSettings): Promise<readonly string[]> {
  return settings.header ? await readHeader(walk, path, settings) : Object.keys(settings.columns ?? {});
}

/** Goes from record to record by the same rules as the readers, so that the two agree on where records begin. */
class RecordWalk {
  readonly #settings: CsvSettings;
  readonly #window = new FileWindow();
  #cursor = 0;

  constructor(settings: CsvSettings) {
    this.#settings = settings;
  }

  /** Where the next record begins in the file. */
  get offset(): number {
    return this.#window.offset + this.#cursor;
  }

  async open(path: string, offset: number): Promise<void> {
    this.#cursor = await this.#window.seek(path, offset);
  }

  /** Goes behind the next record. Its bytes are valid until the next call; undefined at the end of the file. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const from = this.#cursor;
      if (this.#step()) return this.#window.bytes.subarray(from, this.#cursor);
      if (!(await this.#readOn())) return undefined;
    }
  }

  /** Goes behind the record that reaches `place`, or to the end of the file. */
  async skipTo(place: number): Promise<void> {
    do {
      while (this.offset < place && this.#step());
    } while (this.offset < place && (await this.#readOn()));
  }

  async close(): Promise<void> {
    await this.#window.close();
  }

  /** Whether the window held the whole next record, which is behind the cursor now. */
  #step(): boolean {
    const end = csvRecordEnd(this.#settings, this.#window.bytes, this.#cursor, this.#window.ended);
    if (end === -1) return false;
    this.#cursor = end;
    return true;
  }

  /** Gets more of the file; false when there is no more. Of a record that is too long, goes behind the first line. */
  async #readOn(): Promise<boolean> {
    const window = this.#window;
    if (window.ended) return false;
    if (window.bytes.length - this.#cursor > this.#settings.recordBytesMax) return await this.#skipLine();
    await window.readOn(this.#cursor);
    this.#cursor = 0;
    return true;
  }

  async #skipLine(): Promise<boolean> {
    const window = this.#window;
    let lineFeed = -1;
    while (lineFeed === -1 && !window.ended) {
      await window.readOn(window.bytes.length);
      lineFeed = window.bytes.indexOf(LINE_FEED);
    }
    this.#cursor = lineFeed === -1 ? window.bytes.length : lineFeed + 1;
    return true;
  }
}

/** The text of the bytes `from` … `to`-1 without the line end. */
export function csvRecordText(bytes: Buffer, from: number, to: number): string {
  let end = to;
  if (end > from && bytes[end - 1] === LINE_FEED) end--;
  if (end > from && bytes[end - 1] === 0x0d) end--;
  return textOf(bytes, from, end);
}

/** The names in the first record that is not blank. @throws MillraceError INPUT_FORMAT when they are not what is asked for. */
async function readHeader(walk: RecordWalk, path: string, settings: CsvSettings): Promise<readonly string[]> {
  for (let record = await walk.next(); record !== undefined; record = await walk.next()) {
    const names = headerNames(path, record, settings);
    if (names.length > 1 || names[0] !== "") return checkedHeader(path, names, settings);
  }
  return [];
}

function headerNames(path: string, record: Buffer, settings: CsvSettings): readonly string[] {
  try {
    const text = csvRecordText(record, markBytes(record), record.length);
    return csvFields(settings, text).map((name) => name.trim());
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new MillraceError("INPUT_FORMAT", `${path} has no readable header: ${reason}. Correct its first line`, {
      cause,
    });
  }
}

function checkedHeader(path: string, names: readonly string[], settings: CsvSettings): readonly string[] {
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) {
    throw new MillraceError(
      "INPUT_FORMAT",
      `${path} has two columns of the name "${twice}"; rename one of them in the file`,
    );
  }
  const missing = Object.keys(settings.columns ?? {}).find((name) => !names.includes(name));
  if (missing === undefined) return names;
  throw new MillraceError(
    "INPUT_FORMAT",
    `${path} has no column "${missing}"; it has ${names.map((name) => `"${name}"`).join(", ")}. ` +
      "Correct the option columns, or set header: false if the first line is data",
  );
}
