/** Plain text as a source: one record a line. */

import type { Source } from "../../core/source.ts";
import { wholeNumber } from "../options.ts";
import { inOrder, ranges } from "../splits.ts";
import { type BadLineOptions, BadLines } from "./bad-lines.ts";
import { inputBytes, inputFiles, listed, type Paths, sourceName } from "./input-files.ts";
import { LINE_BYTES_MAX, SPLIT_BYTES } from "./limits.ts";
import { markBytes, textOf } from "./text-file.ts";
import { LINE_FEED, type TextFormat, TextReader, type TextSplit } from "./text-reader.ts";

export interface TextLinesOptions extends BadLineOptions {
  /** How the names of a folder's files end that are read. Default [".txt"]. */
  readonly endings?: readonly string[];
  /** Bytes of a file that one subtask reads at a stretch. Default 4 MiB. */
  readonly splitBytes?: number;
  /** A longer line is a bad line. Default 256 MiB. */
  readonly lineBytesMax?: number;
}

const CARRIAGE_RETURN = 0x0d;

/**
 * Reads the lines of text files, UTF-8, without their ends (\n or \r\n); empty ones too. Records have no timestamp.
 *
 * `path` is a file, a folder (its files of the given endings in the order of their names) or a list of them, relative to
 * the working directory of the process that runs the job. A split is a byte range; a line belongs to the one in which it
 * begins, so several subtasks read one file and each line is read exactly once. Lines keep their order within a split. What
 * is appended while the job runs is not read.
 *
 * A line that is no UTF-8 or too long is counted in the metric `badLines`, sent to `options.badLines`, warned of once a
 * file, and skipped, unless `onBadLine` is "fail".
 *
 * @throws MillraceError INPUT_UNREADABLE when a file does not exist or cannot be read, or a folder holds no such file;
 *   BAD_OPTION.
 */
export function textLines(path: Paths, options: TextLinesOptions = {}): Source<string, TextSplit> {
  const { splitBytes = SPLIT_BYTES, lineBytesMax = LINE_BYTES_MAX, endings = [".txt"] } = options;
  wholeNumber(splitBytes, 1, "splitBytes of textLines");
  wholeNumber(lineBytesMax, 1, "lineBytesMax of textLines");
  const paths = Object.freeze([...listed(path)]);
  return Object.freeze<Source<string, TextSplit>>({
    name: sourceName("text", path),
    bounded: true,
    sizeBytes: (workingDirectory) => inputBytes(paths, endings, workingDirectory),
    async enumerate({ workingDirectory, restored }) {
      if (restored !== undefined) return inOrder([], restored);
      const files = await inputFiles(paths, endings, workingDirectory);
      return inOrder(
        files.flatMap((file) => [...ranges(file.size, splitBytes)].map((range) => ({ path: file.path, ...range }))),
      );
    },
    reader: (context) => new TextReader(lines(lineBytesMax), new BadLines(context, options)),
  });
}

function lines(recordBytesMax: number): TextFormat<string, TextSplit> {
  return {
    recordBytesMax,
    splitsAtRecords: false,
    recordEnd(bytes, from, ended) {
      const lineFeed = bytes.indexOf(LINE_FEED, from);
      if (lineFeed !== -1) return lineFeed + 1;
      return ended && from < bytes.length ? bytes.length : -1;
    },
    decoder: () => decodeLine,
  };
}

function decodeLine(bytes: Buffer, from: number, to: number, offset: number): string {
  const start = offset === 0 ? from + markBytes(bytes.subarray(from, to)) : from;
  let end = to;
  if (end > start && bytes[end - 1] === LINE_FEED) end--;
  if (end > start && bytes[end - 1] === CARRIAGE_RETURN) end--;
  return textOf(bytes, start, end);
}
