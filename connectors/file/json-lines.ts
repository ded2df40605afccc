/** The grammar of JSON Lines: one JSON value a line. */

import { BadLineError } from "./bad-lines.ts";
import { markBytes, textOf } from "./text-file.ts";
import { type Decode, LINE_FEED, type TextFormat, type TextSplit } from "./text-reader.ts";

export interface JsonLinesOptions {
  readonly recordBytesMax: number;
  readonly positionField: string | undefined;
}

export function jsonLines<T>({ recordBytesMax, positionField }: JsonLinesOptions): TextFormat<T, TextSplit> {
  const decode = positionField === undefined ? decodeLine : decodeWithPosition(positionField);
  return {
    recordBytesMax,
    splitsAtRecords: false,
    recordEnd(bytes, from, ended) {
      const lineFeed = bytes.indexOf(LINE_FEED, from);
      if (lineFeed !== -1) return lineFeed + 1;
      return ended && from < bytes.length ? bytes.length : -1;
    },
    decoder: () => decode as Decode<T>,
  };
}

function decodeLine(bytes: Buffer, from: number, to: number, offset: number): unknown {
  const start = offset === 0 ? from + markBytes(bytes.subarray(from, to)) : from;
  if (isBlank(bytes, start, to)) return undefined;
  const text = textOf(bytes, start, to);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BadLineError((error as Error).message);
  }
}

function decodeWithPosition(field: string): Decode<unknown> {
  return (bytes, from, to, offset) => {
    const value = decodeLine(bytes, from, to, offset);
    return value === undefined ? undefined : withPosition(value, field, offset);
  };
}

/** @throws BadLineError when the value cannot carry a field. */
export function withPosition(value: unknown, field: string, position: number): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BadLineError(`expected an object, to which positionField "${field}" can be added`);
  }
  // The value was parsed just now and belongs to nobody else.
  (value as Record<string, unknown>)[field] = position;
  return value;
}

/** Whether there is nothing but what JSON takes for blank. Ends at the first other byte, so nearly always at once. */
function isBlank(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d && byte !== LINE_FEED) return false;
  }
  return true;
}
