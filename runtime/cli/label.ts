/** Colours for standard error: none where it is no terminal, or NO_COLOR is set. */

import { styleText } from "node:util";

/** "error" stands out, and every other label steps back. */
export function label(text: string): string {
  return styleText(text === "error" ? ["red", "bold"] : "dim", text, { stream: process.stderr });
}
