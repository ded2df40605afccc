/** A JSON Lines file as a sink. */

import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import type { Sink, SinkWriter } from "../../core/sink.ts";
import { jsonText } from "../json-text.ts";
import { JsonlPartsWriter } from "./jsonl-parts.ts";
import { OUTPUT_BUFFER_CHARS } from "./limits.ts";

export interface ToJsonlOptions {
  /**
   * Whether each record shall stand in the output once, whatever fails. `path` is then a folder: every subtask writes files
   * of its own, named `part-….jsonl` in the order of checkpoints, and each appears when the checkpoint that holds it is
   * complete; without checkpoints, all at the end. Files of that name that the folder held before the job are removed.
   * Default false.
   */
  readonly exactlyOnce?: boolean;
}

/**
 * Writes each record as one line of JSON into one file, by one subtask. The file's folder is made, and what the file
 * held before is gone when the job starts, also when it starts again after a failure.
 *
 * Lines are written about 64 KiB at a time, when the input pauses, and within 200 ms, so that whoever follows the file sees rows
 * early.
 * Dates are written as ISO 8601 strings, bigints as strings of digits, NaN and infinities as null.
 *
 * `path` is relative to the folder in which the job was started or submitted.
 *
 * @throws MillraceError OUTPUT_UNWRITABLE when the file cannot be opened or written; BAD_RECORD for what is no JSON.
 */
export function toJsonl<T = unknown>(path: string, { exactlyOnce = false }: ToJsonlOptions = {}): Sink<T> {
  if (typeof path !== "string" || path === "") {
    throw new MillraceError("BAD_OPTION", `toJsonl expects the path of a file, got ${JSON.stringify(path)}`);
  }
  if (exactlyOnce) {
    return Object.freeze<Sink<T>>({
      name: `jsonl:${path}`,
      appendOnly: true,
      writer: (context) => new JsonlPartsWriter<T>(resolve(context.workingDirectory, path), context),
    });
  }
  return Object.freeze<Sink<T>>({
    name: `jsonl:${path}`,
    parallelism: 1,
    appendOnly: true,
    writer: ({ workingDirectory }) => new JsonlWriter<T>(resolve(workingDirectory, path)),
  });
}

class JsonlWriter<T> implements SinkWriter<T> {
  readonly #path: string;
  #handle: FileHandle | undefined;
  #text = "";

  constructor(path: string) {
    this.#path = path;
  }

  async open(): Promise<void> {
    await this.#orUnwritable(mkdir(dirname(this.#path), { recursive: true }));
    this.#handle = await this.#orUnwritable(open(this.#path, "w"));
  }

  write(value: T): void | Promise<void> {
    this.#text += `${jsonText(value)}\n`;
    if (this.#text.length >= OUTPUT_BUFFER_CHARS) return this.flush();
  }

  async flush(): Promise<void> {
    if (this.#text === "") return;
    if (this.#handle === undefined) throw new Error("flush before open");
    const text = this.#text;
    this.#text = "";
    await this.#orUnwritable(this.#handle.writeFile(text));
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle !== undefined) await this.#orUnwritable(handle.close());
  }

  async #orUnwritable<Result>(step: Promise<Result>): Promise<Result> {
    return await step.catch((cause: Error) => {
      throw new MillraceError("OUTPUT_UNWRITABLE", `cannot write ${this.#path}: ${cause.message}`, { cause });
    });
  }
}
