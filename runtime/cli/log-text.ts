/** A line of a job's log for people: `12:00:01.234 warn  slow sink  operator=print`. What a job printed stays as it is. */

import type { LogLine } from "../rest/views.ts";
import { printable } from "./table.ts";

/** With its end of line. */
export function logText({ time, level, message, fields }: LogLine): string {
  // A piece of what was written: one or several whole lines as a rule.
  if (level === "out") return message.endsWith("\n") ? message : `${message}\n`;
  const shown = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  const moment = new Date(time).toISOString().slice(11, 23);
  return `${printable([`${moment} ${level.padEnd(5)} ${message}`, ...shown].join("  "))}\n`;
}
