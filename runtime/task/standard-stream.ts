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
    // A worker thread's stream keeps what the main thread has not taken yet, and that is lost with the thread.
    handedOn: () => new Promise((resolve) => stream.write("", () => resolve())),
  };
}
