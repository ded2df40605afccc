/** Standard output for data, with the form that the user asked for. */

import { jsonLine } from "./json-line.ts";
import { COLUMNS_DEFAULT } from "./table.ts";

export interface OutputOptions {
  readonly json: boolean;
}

/** One line of JSON, or the text. */
export function print(options: OutputOptions, data: unknown, text: () => string): void {
  process.stdout.write(options.json ? jsonLine(data) : text());
}

/** For people: not data. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** A terminal's width; what goes elsewhere is as wide as an old one. */
export function terminalWidth(): number {
  return process.stdout.columns || COLUMNS_DEFAULT;
}
