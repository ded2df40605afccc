/** Logs by pino: JSON lines for machines, one readable line for people on a terminal. Always to standard error. */

import { type Logger as PinoLogger, pino } from "pino";
import type { LogLevel } from "../../core/telemetry.ts";

export type Log = (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void;

export interface LogOptions {
  readonly level: LogLevel | "silent";
  /** Readable lines instead of JSON; default: whether standard error is a terminal. */
  readonly pretty?: boolean;
}

export function createLog(options: LogOptions): Log {
  const pretty = options.pretty ?? process.stderr.isTTY === true;
  const destination = pretty
    ? { write: (line: string) => process.stderr.write(readable(line)) }
    : pino.destination({ fd: 2, sync: true });
  const logger: PinoLogger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    destination,
  );
  return (level, message, fields) => logger[level](fields, message);
}

/** "12:00:01.234 info  job running job=clicks" from pino's JSON line. */
function readable(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const shown = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${msg}${shown.length > 0 ? `  ${shown.join(" ")}` : ""}\n`;
}
