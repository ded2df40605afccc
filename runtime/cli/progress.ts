/**
 * A running job's progress, for a terminal and a log file alike: on a terminal one line that is rewritten, elsewhere a
 * plain line every few seconds at most, and everywhere a last line with the whole.
 *
 * The figures and the text are pure functions of metrics, which carry their own time; only `showProgress` writes.
 */

import { type Duration, positiveDurationMs } from "../../core/time.ts";
import type { JobMetrics } from "../job-metrics.ts";

/** What progress is written to: `process.stderr` or another stream. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressOptions {
  /** Default: standard error. */
  readonly stream?: ProgressStream;
  /** Whether one line is rewritten. Default: if the stream is a terminal. */
  readonly rewrite?: boolean;
  /** How often a plain line is written at most. Default "5s". */
  readonly every?: Duration;
  /** Further text for the line's end, such as a model's hit rate. */
  readonly extra?: (metrics: JobMetrics) => string | undefined;
}

export interface Progress {
  /** For `RunOptions.onProgress`. */
  readonly onProgress: (metrics: JobMetrics) => void;
  /** Writes the last line. To be called when the job has ended in whatever way; again it does nothing. */
  done(): void;
}

/** Shows a job's progress: `run(job, { onProgress: progress.onProgress })`, and `progress.done()` at its end. */
export function showProgress(options: ProgressOptions = {}): Progress {
  const { stream = process.stderr, extra } = options;
  const everyMs = positiveDurationMs(options.every ?? "5s", "every of showProgress");
  const rewrite = options.rewrite ?? stream.isTTY === true;
  const rate = new RowRate();
  let shownAtMs = 0;
  let last: { readonly metrics: JobMetrics; readonly figures: Figures } | undefined;
  const lineOf = (metrics: JobMetrics, figures: Figures, rowsPerSecond: number): string =>
    progressLine(metrics.job, figures, rowsPerSecond, extra?.(metrics));
  return {
    onProgress(metrics) {
      const figures = figuresOf(metrics);
      last = { metrics, figures };
      const rowsPerSecond = rate.next(figures);
      if (rewrite) stream.write(`${clearLine}${cut(lineOf(metrics, figures, rowsPerSecond), stream.columns)}`);
      else if (figures.elapsedMs - shownAtMs >= everyMs) {
        shownAtMs = figures.elapsedMs;
        stream.write(`${lineOf(metrics, figures, rowsPerSecond)}\n`);
      }
    },
    done() {
      if (last === undefined) return;
      const { metrics, figures } = last;
      last = undefined;
      const line = lineOf(metrics, figures, perSecond(figures.rows, figures.elapsedMs));
      stream.write(`${rewrite ? clearLine : ""}${line} in ${(figures.elapsedMs / 1000).toFixed(1)} s\n`);
    },
  };
}

/** Carriage return, and "erase to the end of the line". */
const clearLine = "\r\u001b[K";

const COLUMNS_DEFAULT = 80;

/** A longer line would wrap, and only its last row would be rewritten. */
function cut(line: string, columns: number | undefined): string {
  const width = columns || COLUMNS_DEFAULT; // some terminals say 0
  return line.length < width ? line : `${line.slice(0, width - 2)}…`;
}

export interface Figures {
  readonly elapsedMs: number;
  /** Records that the sources have read. */
  readonly rows: number;
  /** How far the job has come, in epoch milliseconds: the latest watermark that a vertex has. */
  readonly eventTime: number | undefined;
  /** How far the vertex with the earliest watermark is behind that. */
  readonly lagMs: number | undefined;
}

/** A vertex without a watermark yet, or with the final one, says nothing on event time. */
export function figuresOf(metrics: JobMetrics): Figures {
  const { elapsedMs, vertices } = metrics;
  const watermarks = vertices.map(({ watermark }) => watermark).filter(Number.isFinite);
  const known = watermarks.length > 0;
  return {
    elapsedMs,
    rows: vertices.reduce((sum, { source, recordsIn }) => sum + (source ? recordsIn : 0), 0),
    eventTime: known ? Math.max(...watermarks) : undefined,
    lagMs: known ? Math.max(...watermarks) - Math.min(...watermarks) : undefined,
  };
}

/** "sales: 1,200,000 rows, 410,000 rows/s, event time 2011-03-01T10:00:00.000Z, lag 2 h" */
export function progressLine(job: string, figures: Figures, rowsPerSecond: number, extra?: string): string {
  const { rows, eventTime, lagMs } = figures;
  const parts = [`${job}: ${whole(rows)} rows`, `${whole(rowsPerSecond)} rows/s`];
  if (eventTime !== undefined) parts.push(`event time ${new Date(eventTime).toISOString()}`);
  if (lagMs !== undefined) parts.push(`lag ${span(lagMs)}`);
  if (extra !== undefined && extra !== "") parts.push(extra);
  return parts.join(", ");
}

/** A formatter of this module's own would cost every slot 16 ms, as this is part of what programs import. */
function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
] as const;

/** In the largest unit that the span has two of, or in seconds. */
function span(ms: number): string {
  const [unit, unitMs] = units.find(([, size]) => ms >= 2 * size) ?? units[3];
  return `${whole(ms / unitMs)} ${unit}`;
}

function perSecond(rows: number, ms: number): number {
  return ms > 0 ? (rows * 1000) / ms : 0;
}

/** The time over which a rate is taken, at the least: a shorter one jumps about. */
const RATE_SPAN_MS = 2000;

/** The rate of the latest two to four seconds: since the older of two marks, of which the newer replaces it in time. */
class RowRate {
  #older = { rows: 0, elapsedMs: 0 };
  #newer = this.#older;

  next(now: { readonly rows: number; readonly elapsedMs: number }): number {
    // A job that began anew after a failure has read less than before.
    if (now.rows < this.#newer.rows || now.elapsedMs < this.#newer.elapsedMs) this.#older = this.#newer = now;
    if (now.elapsedMs - this.#newer.elapsedMs >= RATE_SPAN_MS) {
      this.#older = this.#newer;
      this.#newer = now;
    }
    return perSecond(now.rows - this.#older.rows, now.elapsedMs - this.#older.elapsedMs);
  }
}
