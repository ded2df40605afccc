/**
 * Logs by pino: JSON lines for machines, one readable line for people on a terminal. Always to standard error.
 *
 * pino is loaded with the first line that is written: most embedded runs write none, and need not wait for it.
 */

import { createRequire } from "node:module";
import type { Logger as PinoLogger } from "pino";
import type { LogLevel } from "../../core/telemetry.ts";

export type Log = (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void;

export interface LogOptions {
  readonly level: LogLevel | "silent";
  /** Readable lines instead of JSON; default: whether standard error is a terminal. */
  readonly pretty?: boolean;
}

const severities = { debug: 1, info: 2, warn: 3, error: 4, silent: 5 } satisfies Record<LogLevel | "silent", number>;

export function createLog(options: LogOptions): Log {
  let logger: PinoLogger | undefined;
  return (level, message, fields) => {
    if (severities[level] < severities[options.level]) return;
    logger ??= createLogger(options);
    logger[level](fields, message);
  };
}

function createLogger({ level, pretty = process.stderr.isTTY === true }: LogOptions): PinoLogger {
  const { pino } = createRequire(import.meta.url)("pino") as typeof import("pino");
  const destination = pretty
    ? { write: (line: string) => process.stderr.write(readable(line)) }
    : pino.destination({ fd: 2, sync: true });
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (name) => ({ level: name }) },
    },
    destination,
  );
}

/** "12:00:01.234 info  job running job=clicks" from pino's JSON line. */
function readable(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const shown = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${msg}${shown.length > 0 ? `  ${shown.join(" ")}` : ""}\n`;
}
