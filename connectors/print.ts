/** A sink for the eyes. */

import { inspect } from "node:util";
import { type Change, shortKind } from "../core/changelog.ts";
import { MillraceError } from "../core/errors.ts";
import type { Sink, SinkContext, SinkWriter, TextOutput } from "../core/sink.ts";
import { jsonText } from "./json-text.ts";

/** As much of a writable stream as printing needs. */
export interface PrintStream {
  readonly isTTY?: boolean;
  /** False: wait for "drain". */
  write(text: string): boolean;
  once(event: "drain", listener: () => void): unknown;
}

export interface PrintOptions {
  /** Stands before each line, followed by "> ". */
  readonly prefix?: string;
  /** Default "stdout". */
  readonly stream?: "stdout" | "stderr" | PrintStream;
}

/** Lines that are written at a time, at the most: few calls to the stream, and little memory. */
const LINES_MAX = 256;

/**
 * Prints each record on a line: strings as they are, everything else as `util.inspect` shows it in a terminal, and as JSON
 * elsewhere, so that other programs can read it. With several subtasks each line begins with its subtask's number, as in
 * "2> …". Lines appear when the input pauses, every 256 of them, and within 200 ms. On a cluster they go to the job's log.
 */
export function print<T = unknown>(options: PrintOptions = {}): Sink<T> {
  const { stream = "stdout" } = options;
  if (typeof stream !== "object" && stream !== "stdout" && stream !== "stderr") {
    throw new MillraceError(
      "BAD_OPTION",
      `print writes to "stdout", "stderr" or a stream, got ${JSON.stringify(stream)}`,
    );
  }
  return Object.freeze<Sink<T>>({
    name: "print",
    writer: (context) => new PrintWriter<T>(options, context, "records"),
  });
}

/**
 * Prints each change of a changelog on a line, behind its mark: `+I` where a row is new, `-U` and `+U` where one is replaced, as
 * it was and as it is, `-D` where one is deleted. Everything else is as with `print`.
 */
export function printChanges<T = unknown>(options: PrintOptions = {}): Sink<Change<T>> {
  print(options); // refuses what it does not know
  return Object.freeze<Sink<Change<T>>>({
    name: "printChanges",
    writer: (context) => new PrintWriter<Change<T>>(options, context, "changes"),
  });
}

class PrintWriter<T> implements SinkWriter<T> {
  readonly #output: TextOutput;
  readonly #prefix: string;
  readonly #ofChanges: boolean;
  #lines: string[] = [];

  constructor({ prefix, stream = "stdout" }: PrintOptions, context: SinkContext, of: "records" | "changes") {
    this.#ofChanges = of === "changes";
    const { subtask, parallelism } = context;
    this.#output = typeof stream === "string" ? context.standardStream(stream) : outputTo(stream);
    const parts = [prefix, parallelism > 1 ? String(subtask) : undefined].filter((part) => part !== undefined);
    this.#prefix = parts.length === 0 ? "" : `${parts.join(":")}> `;
  }

  write(value: T): void | Promise<void> {
    if (this.#lines.push(`${this.#prefix}${this.#lineOf(value)}\n`) >= LINES_MAX) return this.flush();
  }

  flush(): void | Promise<void> {
    if (this.#lines.length === 0) return;
    const text = this.#lines.join("");
    this.#lines = [];
    return this.#output.write(text);
  }

  async close(): Promise<void> {
    await this.#output.handedOn?.();
  }

  #lineOf(value: T): string {
    if (!this.#ofChanges) return this.#textOf(value);
    const change = value as Change<unknown>; // as the sink's type says
    return `${shortKind(change.kind)} ${this.#textOf(change.value)}`;
  }

  #textOf(value: unknown): string {
    if (typeof value === "string") return value;
    if (!this.#output.terminal) return jsonText(value);
    return inspect(value, { breakLength: Number.POSITIVE_INFINITY, compact: true, depth: 6 });
  }
}

function outputTo(stream: PrintStream): TextOutput {
  return {
    terminal: stream.isTTY === true,
    write(text) {
      if (stream.write(text)) return;
      return new Promise((resolve) => stream.once("drain", resolve));
    },
  };
}
