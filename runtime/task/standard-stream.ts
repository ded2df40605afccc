/** The process's own output, for what sinks print in an embedded run. */

import { isatty } from "node:tty";
import type { TextOutput } from "../../core/sink.ts";

export function standardStream(name: "stdout" | "stderr"): TextOutput {
  const stream = process[name];
  return {
    // The streams of a worker thread do not know; the file descriptors are the process's own.
    terminal: isatty(name === "stdout" ? 1 : 2),
    write(text) {
      if (stream.write(text)) return;
      return new Promise((resolve) => stream.once("drain", resolve));
    },
  };
}
