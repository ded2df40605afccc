/** What becomes of a line that is not what its format demands: counted, routed, warned of; never a crash, never silence. */

import { MillraceError } from "../../core/errors.ts";
import type { OutputTag } from "../../core/side-output.ts";
import type { SourceContext } from "../../core/source.ts";
import type { Counter } from "../../core/telemetry.ts";
import { NO_TIMESTAMP } from "../../core/time.ts";
import { BAD_LINE_BYTES_SHOWN } from "./limits.ts";

export interface BadLine {
  readonly path: string;
  /** Where the line begins in the file. */
  readonly byteOffset: number;
  /** The line's first KiB. */
  readonly line: string;
  /** What is wrong with it. */
  readonly error: string;
}

export interface BadLineOptions {
  /** Where bad lines go: read it with `stream.sideOutput(tag)`. Absent: they are only counted and logged. */
  readonly badLines?: OutputTag<BadLine>;
  /** "fail" ends the job with INPUT_FORMAT at the first bad line. Default "skip". */
  readonly onBadLine?: "skip" | "fail";
}

/** Thrown by a decoder: this line cannot be read, the next one may be. */
export class BadLineError extends Error {
  override readonly name = "BadLineError";
}

/** One reader's bad lines: in the metric `badLines`, in the side output, and once a file in the log. */
export class BadLines {
  readonly #context: SourceContext;
  readonly #options: BadLineOptions;
  readonly #counter: Counter;
  readonly #warned = new Set<string>();

  constructor(context: SourceContext, options: BadLineOptions) {
    this.#context = context;
    this.#options = options;
    this.#counter = context.metrics.counter("badLines");
  }

  /** @throws MillraceError INPUT_FORMAT with `onBadLine: "fail"`. */
  report(path: string, byteOffset: number, bytes: Buffer, error: string): void {
    this.#counter.add();
    const { badLines, onBadLine } = this.#options;
    if (onBadLine === "fail") {
      throw new MillraceError(
        "INPUT_FORMAT",
        `${path} has a bad line at byte ${byteOffset}: ${error}. Correct the line, or set onBadLine: "skip"`,
        { operator: this.#context.operator },
      );
    }
    if (badLines !== undefined) {
      const line = bytes.toString("utf8", 0, Math.min(bytes.length, BAD_LINE_BYTES_SHOWN)).trimEnd();
      this.#context.side(badLines, { path, byteOffset, line, error }, NO_TIMESTAMP);
    }
    if (this.#warned.has(path)) return;
    this.#warned.add(path);
    this.#context.log.log("warn", "skipped a bad line; further ones of this file are only counted", {
      path,
      byteOffset,
      error,
    });
  }
}
