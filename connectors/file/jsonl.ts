/** JSON Lines files as a source. */

import type { Gate, Push } from "../../core/operator.ts";
import type { ReadStep, Source, SourceReader } from "../../core/source.ts";
import { wholeNumber } from "../options.ts";
import { inOrder, ranges } from "../splits.ts";
import { type BadLineOptions, BadLines } from "./bad-lines.ts";
import { type InputFile, inputBytes, inputFiles, listed, type Paths, sourceName } from "./input-files.ts";
import { beginsArray, checkArraySize, JsonArrayReader } from "./json-array.ts";
import { jsonLines } from "./json-lines.ts";
import { LINE_BYTES_MAX, SPLIT_BYTES } from "./limits.ts";
import { textHead } from "./text-file.ts";
import { TextReader, type TextSplit } from "./text-reader.ts";

export interface JsonlOptions extends BadLineOptions {
  /** Bytes of a file that one subtask reads at a stretch. Default 4 MiB. */
  readonly splitBytes?: number;
  /** Adds to each record the byte offset of its line in the file, or its index in an array. */
  readonly positionField?: string;
  /** "lines" or "array" when the file's first line does not tell. Default "auto". */
  readonly layout?: "auto" | "lines" | "array";
  /** A longer line is a bad line. Default 256 MiB. */
  readonly lineBytesMax?: number;
}

export interface JsonlSplit extends TextSplit {
  readonly layout: "lines" | "array";
}

/**
 * Reads JSON Lines: one JSON value a line, UTF-8, lines ending in \n or \r\n, the last one perhaps in nothing. A byte
 * order mark and blank lines are skipped. Records have no timestamp.
 *
 * `path` is a file, a folder (its *.jsonl and *.ndjson files in the order of their names) or a list of them, relative to
 * the working directory of the process that runs the job. An empty file is an empty stream. What is appended while the
 * job runs is not read.
 *
 * A split is a byte range; a line belongs to the one in which it begins, so several subtasks read one file and each line
 * is read exactly once. Lines keep their order within a split. A file that is one JSON array is read too, as a single
 * split of at most 64 MiB; it is recognised by its first line.
 *
 * A line that is no JSON, no UTF-8 or too long is counted in the metric `badLines`, sent to `options.badLines`, warned
 * of once a file, and skipped, unless `onBadLine` is "fail".
 *
 * @throws MillraceError INPUT_UNREADABLE when a file does not exist or cannot be read, or a folder holds no such file;
 *   INPUT_FORMAT when it is no text, an array that is too large or damaged, or cut short while it is read; BAD_OPTION.
 */
export function jsonl<T>(path: Paths, options: JsonlOptions = {}): Source<T, JsonlSplit> {
  const { splitBytes = SPLIT_BYTES, lineBytesMax = LINE_BYTES_MAX, layout = "auto", positionField } = options;
  wholeNumber(splitBytes, 1, "splitBytes of jsonl");
  wholeNumber(lineBytesMax, 1, "lineBytesMax of jsonl");
  const paths = Object.freeze([...listed(path)]);
  const format = jsonLines<T>({ recordBytesMax: lineBytesMax, positionField });
  return Object.freeze<Source<T, JsonlSplit>>({
    name: sourceName("jsonl", path),
    bounded: true,
    sizeBytes: (workingDirectory) => inputBytes(paths, [".jsonl", ".ndjson"], workingDirectory),
    async enumerate({ workingDirectory, restored }) {
      if (restored !== undefined) return inOrder([], restored);
      const files = await inputFiles(paths, [".jsonl", ".ndjson"], workingDirectory);
      // Every file is opened before the first is read, so that one that cannot be read ends the job at its start.
      const splits: JsonlSplit[] = [];
      for (const file of files) splits.push(...splitsOf(file, await layoutOf(file, layout), splitBytes));
      return inOrder(splits);
    },
    reader(context) {
      const badLines = new BadLines(context, options);
      return new JsonlReader<T>(
        new TextReader(format, badLines),
        new JsonArrayReader(positionField, badLines) as SourceReader<T, TextSplit>,
      );
    },
  });
}

async function layoutOf(file: InputFile, layout: "auto" | "lines" | "array"): Promise<"lines" | "array"> {
  const head = await textHead(file.path);
  const found = layout === "auto" ? (beginsArray(head) ? "array" : "lines") : layout;
  if (found === "array") checkArraySize(file.path, file.size);
  return found;
}

function splitsOf({ path, size }: InputFile, layout: "lines" | "array", splitBytes: number): readonly JsonlSplit[] {
  const whole = layout === "array" ? Math.max(size, 1) : splitBytes;
  return [...ranges(size, whole)].map((range) => ({ path, layout, ...range }));
}

/** Reads lines and arrays, as each split demands. */
class JsonlReader<T> implements SourceReader<T, JsonlSplit> {
  readonly #readers: Readonly<Record<"lines" | "array", SourceReader<T, TextSplit>>>;
  #current: SourceReader<T, TextSplit>;

  constructor(lines: SourceReader<T, TextSplit>, array: SourceReader<T, TextSplit>) {
    this.#readers = { lines, array };
    this.#current = lines;
  }

  begin(split: JsonlSplit, position?: unknown): void | Promise<void> {
    this.#current = this.#readers[split.layout];
    return this.#current.begin(split, position);
  }

  read(push: Push<T>, max: number, gate: Gate): ReadStep | Promise<ReadStep> {
    return this.#current.read(push, max, gate);
  }

  position(): unknown {
    return this.#current.position();
  }

  async close(): Promise<void> {
    await this.#readers.lines.close?.();
  }
}
