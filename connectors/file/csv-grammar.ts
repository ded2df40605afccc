/**
 * The grammar of CSV (RFC 4180): where a record ends, and what its fields are.
 *
 * A quote opens a quoted field only as the field's first character; inside, two quotes stand for one, and delimiters and
 * line breaks are content. A quote whose field does not end within `recordBytesMax` is a stray one: the record is its
 * first line alone, and a bad one, so that one missing quote does not swallow the file. Both functions follow the same
 * rules: the enumerator finds the splits by `csvRecordEnd`, the readers the records, and they must agree.
 */

import { BadLineError } from "./bad-lines.ts";
import { LINE_FEED } from "./text-reader.ts";

export interface CsvGrammar {
  /** One ASCII character each; an empty quote means that there are none. */
  readonly delimiter: string;
  readonly quote: string;
  readonly recordBytesMax: number;
}

/** The index behind the record that begins at `from`, its line feed included; -1 when more bytes are needed to tell. */
export function csvRecordEnd(grammar: CsvGrammar, bytes: Buffer, from: number, ended: boolean): number {
  if (from >= bytes.length) return -1;
  const delimiter = grammar.delimiter.charCodeAt(0);
  const quote = grammar.quote === "" ? -1 : grammar.quote.charCodeAt(0);
  const limit = Math.min(bytes.length, from + grammar.recordBytesMax);
  let fieldStart = true;
  for (let at = from; at < limit; at++) {
    const byte = bytes[at];
    if (byte === LINE_FEED) return at + 1;
    if (byte === quote && fieldStart) {
      at = closingQuote(bytes, at + 1, quote, limit, ended);
      if (at === -1) return limit < bytes.length || ended ? firstLineEnd(bytes, from, ended) : -1;
    }
    fieldStart = byte === delimiter;
  }
  if (limit < bytes.length) return firstLineEnd(bytes, from, ended);
  return ended ? bytes.length : -1;
}

/** The index of the quote that ends a field, or -1 when it does not stand before `limit`, or cannot be told from a doubled one. */
function closingQuote(bytes: Buffer, from: number, quote: number, limit: number, ended: boolean): number {
  for (let at = bytes.indexOf(quote, from); at !== -1 && at < limit; at = bytes.indexOf(quote, at + 2)) {
    if (at + 1 === bytes.length && !ended) return -1;
    if (bytes[at + 1] !== quote) return at;
  }
  return -1;
}

function firstLineEnd(bytes: Buffer, from: number, ended: boolean): number {
  const lineFeed = bytes.indexOf(LINE_FEED, from);
  return lineFeed !== -1 ? lineFeed + 1 : ended ? bytes.length : -1;
}

/**
 * The fields of one record, given without its line end.
 * @throws BadLineError when a quoted field does not end, or something follows its end.
 */
export function csvFields({ delimiter, quote }: CsvGrammar, record: string): string[] {
  if (quote === "" || !record.includes(quote)) return record.split(delimiter);
  const fields: string[] = [];
  for (let at = 0; at <= record.length; ) {
    const end = record[at] === quote ? quotedEnd(record, at, quote) : fieldEnd(record, at, delimiter);
    if (record[at] !== quote) fields.push(record.slice(at, end));
    else fields.push(record.slice(at + 1, end - 1).replaceAll(quote + quote, quote));
    if (end < record.length && record[end] !== delimiter) {
      throw new BadLineError(`field ${fields.length} goes on after its closing quote`);
    }
    at = end + 1;
  }
  return fields;
}

function fieldEnd(record: string, from: number, delimiter: string): number {
  const end = record.indexOf(delimiter, from);
  return end === -1 ? record.length : end;
}

/** The index behind the closing quote of the field that opens at `from`. */
function quotedEnd(record: string, from: number, quote: string): number {
  for (let at = record.indexOf(quote, from + 1); at !== -1; at = record.indexOf(quote, at + 2)) {
    if (record[at + 1] !== quote) return at + 1;
  }
  throw new BadLineError("a quoted field does not end");
}
