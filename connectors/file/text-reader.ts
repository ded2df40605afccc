/**
 * Reads the records of one byte range of a text file after the other: what the line-oriented sources share. Where a
 * record ends and what is in it is the format's business.
 *
 * The law: a record belongs to the split in which it begins, even if it ends in a later one. So every record of a file
 * is read exactly once, however the file is divided.
 */

import { MillraceError } from "../../core/errors.ts";
import type { Gate, Push } from "../../core/operator.ts";
import type { ReadStep, SourceReader } from "../../core/source.ts";
import { NO_TIMESTAMP } from "../../core/time.ts";
import { BadLineError, type BadLines } from "./bad-lines.ts";
import { FileWindow } from "./file-window.ts";

/** The bytes `start` … `end`-1 of a file. */
export interface TextSplit {
  /** Absolute. */
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

export interface TextFormat<T, Split extends TextSplit> {
  /** The longest record, in bytes. */
  readonly recordBytesMax: number;
  /** Splits begin where records begin; else a reader looks for the first line that begins in its split. */
  readonly splitsAtRecords: boolean;
  /**
   * The index behind the record that begins at `from`, its line end included; -1 when more bytes are needed to tell.
   * `ended`: no bytes follow.
   */
  recordEnd(bytes: Buffer, from: number, ended: boolean): number;
  /** The function that makes a split's bytes `from` … `to`-1, which begin at `offset` of the file, a record. */
  decoder(split: Split): Decode<T>;
}

/** Undefined is a blank line. @throws BadLineError */
export type Decode<T> = (bytes: Buffer, from: number, to: number, offset: number) => T | undefined;

export const LINE_FEED = 0x0a;

export class TextReader<T, Split extends TextSplit> implements SourceReader<T, Split> {
  readonly #format: TextFormat<T, Split>;
  readonly #badLines: BadLines;
  readonly #window = new FileWindow();
  #split: Split | undefined;
  #decode: Decode<T> = () => undefined;
  /** The index in the window where reading goes on. */
  #cursor = 0;
  /** The bytes up to the next line feed belong to no record of this split. */
  #skipping = false;
  /** Where in the file the next record begins; undefined until the split's first one is found. */
  #next: number | undefined;

  constructor(format: TextFormat<T, Split>, badLines: BadLines) {
    this.#format = format;
    this.#badLines = badLines;
  }

  async begin(split: Split, position?: unknown): Promise<void> {
    this.#split = split;
    this.#decode = this.#format.decoder(split);
    const within = position === undefined && split.start > 0 && !this.#format.splitsAtRecords;
    this.#skipping = within;
    this.#next = within ? undefined : ((position as number | undefined) ?? split.start);
    // A line begins at `start` if the byte before it is a line feed.
    this.#cursor = await this.#window.seek(split.path, this.#next ?? split.start - 1);
  }

  position(): unknown {
    return this.#next;
  }

  read(push: Push<T>, max: number, gate: Gate): ReadStep | Promise<ReadStep> {
    const split = this.#begun();
    const window = this.#window;
    for (let left = max; left > 0 && !gate.blocked; ) {
      if (this.#skipping) {
        this.#skipLine();
        if (!this.#skipping) continue;
        // A line that begins in this split has its line feed before the split's last byte.
        return window.offset + window.bytes.length >= split.end ? "end" : this.#readOn(split);
      }
      const from = this.#cursor;
      const offset = window.offset + from;
      if (offset >= split.end) return "end";
      const to = this.#format.recordEnd(window.bytes, from, window.ended);
      if (to === -1) return this.#readOn(split);
      this.#cursor = to;
      this.#next = window.offset + to;
      const record = this.#decoded(split, from, to, offset);
      if (record === undefined) continue;
      left--;
      push(record, NO_TIMESTAMP);
    }
    return "more";
  }

  async close(): Promise<void> {
    await this.#window.close();
  }

  #decoded(split: Split, from: number, to: number, offset: number): T | undefined {
    const { bytes } = this.#window;
    if (to - from > this.#format.recordBytesMax) {
      this.#tooLong(split, from, to);
      return undefined;
    }
    try {
      return this.#decode(bytes, from, to, offset);
    } catch (error) {
      if (!(error instanceof BadLineError)) throw error;
      this.#badLines.report(split.path, offset, bytes.subarray(from, to), error.message);
      return undefined;
    }
  }

  /** Goes behind the next line feed, or to the end of the window, still skipping. */
  #skipLine(): void {
    const { bytes, offset } = this.#window;
    const lineFeed = bytes.indexOf(LINE_FEED, this.#cursor);
    this.#cursor = lineFeed === -1 ? bytes.length : lineFeed + 1;
    if (lineFeed === -1) return;
    this.#skipping = false;
    this.#next = offset + this.#cursor;
  }

  async #readOn(split: Split): Promise<ReadStep> {
    const window = this.#window;
    if (window.ended) throw shrunk(split, window.offset + window.bytes.length);
    if (window.bytes.length - this.#cursor > this.#format.recordBytesMax) {
      this.#tooLong(split, this.#cursor, window.bytes.length);
      this.#skipping = true;
    } else {
      await window.readOn(this.#cursor);
      this.#cursor = 0;
    }
    return "more";
  }

  #tooLong(split: Split, from: number, to: number): void {
    const { bytes, offset } = this.#window;
    const error = `it is longer than ${this.#format.recordBytesMax} bytes`;
    this.#badLines.report(split.path, offset + from, bytes.subarray(from, to), error);
  }

  #begun(): Split {
    if (this.#split === undefined) throw new Error("read before begin");
    return this.#split;
  }
}

function shrunk(split: TextSplit, size: number): MillraceError {
  return new MillraceError(
    "INPUT_FORMAT",
    `${split.path} ends at byte ${size}, but had more when the job began: it was cut meanwhile. Run the job again`,
  );
}
