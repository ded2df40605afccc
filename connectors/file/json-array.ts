/** A file that is one JSON array: read as a whole, as one split, its elements being the records. */

import { MillraceError } from "../../core/errors.ts";
import type { Gate, Push } from "../../core/operator.ts";
import type { ReadStep, SourceReader } from "../../core/source.ts";
import { NO_TIMESTAMP } from "../../core/time.ts";
import { BadLineError, type BadLines } from "./bad-lines.ts";
import { openInput, readInto } from "./input-files.ts";
import { withPosition } from "./json-lines.ts";
import { ARRAY_BYTES_MAX } from "./limits.ts";
import { markBytes } from "./text-file.ts";
import type { TextSplit } from "./text-reader.ts";

/**
 * Whether a file that begins so is one array. "[" begins an array file and also a line that holds an array, so the
 * first line decides: if it is a JSON value by itself and more lines follow, these are lines.
 */
export function beginsArray(head: Buffer): boolean {
  const text = head.toString("utf8", markBytes(head)).trimStart();
  if (!text.startsWith("[")) return false;
  const lineEnd = text.indexOf("\n");
  if (lineEnd === -1 || text.slice(lineEnd).trim() === "") return true;
  try {
    JSON.parse(text.slice(0, lineEnd));
    return false;
  } catch {
    return true;
  }
}

/** @throws MillraceError INPUT_FORMAT when the array is too large to be parsed as a whole. */
export function checkArraySize(path: string, size: number): void {
  if (size <= ARRAY_BYTES_MAX) return;
  throw new MillraceError(
    "INPUT_FORMAT",
    `${path} is one JSON array of ${size} bytes; at most ${ARRAY_BYTES_MAX} are read. ` +
      `Write one value a line instead, for instance with: jq -c ".[]" input.json > output.jsonl`,
  );
}

export class JsonArrayReader implements SourceReader<unknown, TextSplit> {
  readonly #positionField: string | undefined;
  readonly #badLines: BadLines;
  #path = "";
  #values: readonly unknown[] = [];
  #next = 0;

  constructor(positionField: string | undefined, badLines: BadLines) {
    this.#positionField = positionField;
    this.#badLines = badLines;
  }

  async begin(split: TextSplit, position?: unknown): Promise<void> {
    this.#path = split.path;
    this.#values = await parseArray(split);
    this.#next = (position as number | undefined) ?? 0;
  }

  read(push: Push<unknown>, max: number, gate: Gate): ReadStep {
    const end = Math.min(this.#values.length, this.#next + max);
    while (this.#next < end && !gate.blocked) {
      const index = this.#next++;
      const value = this.#record(index);
      if (value !== undefined) push(value, NO_TIMESTAMP);
    }
    if (this.#next < this.#values.length) return "more";
    this.#values = [];
    return "end";
  }

  position(): number {
    return this.#next;
  }

  #record(index: number): unknown {
    const value = this.#values[index];
    if (this.#positionField === undefined) return value;
    try {
      return withPosition(value, this.#positionField, index);
    } catch (error) {
      if (!(error instanceof BadLineError)) throw error;
      this.#badLines.report(this.#path, index, Buffer.from(JSON.stringify(value)), error.message);
      return undefined;
    }
  }
}

async function parseArray({ path, end }: TextSplit): Promise<readonly unknown[]> {
  const handle = await openInput(path);
  try {
    const bytes = Buffer.allocUnsafe(end);
    const length = await readInto(handle, bytes, 0, path);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length));
    const values: unknown = JSON.parse(text);
    if (Array.isArray(values)) return values;
    throw new SyntaxError("it is no array");
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    const reason = (cause as Error).message;
    throw new MillraceError(
      "INPUT_FORMAT",
      `${path} begins as a JSON array, but is none: ${reason}. If each of its lines is a value, set layout: "lines"`,
      { cause },
    );
  } finally {
    await handle.close();
  }
}
