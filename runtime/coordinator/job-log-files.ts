/**
 * The logs of jobs: JSON lines in segments of a quarter of the cap each, named after the offset at which they begin.
 * When a fifth one begins, the oldest goes; offsets stay what they were, so whoever follows a log loses no place.
 *
 *   logs/<job>/<offset, 16 digits>.jsonl
 *
 * Lines are written soon, not at once. A slow disk lets them wait up to a bound; beyond it they are dropped, and the log
 * says how many.
 */

import { appendFile, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { JOB_LOG_BYTES_MAX, JOB_LOG_LINE_BYTES_MAX, JOB_LOG_QUEUE_BYTES_MAX } from "../../core/limits.ts";
import type { JobId } from "../cluster-ids.ts";
import { jobFolder } from "./job-paths.ts";
import type { JobLogLine, JobLogs } from "./job-store.ts";

export interface JobLogFilesOptions {
  readonly folder: string;
  /** Default JOB_LOG_BYTES_MAX. */
  readonly bytesMax?: number;
  failed(cause: Error): void;
}

export interface LogSlice {
  readonly lines: readonly JobLogLine[];
  readonly next: number;
  /** Where the log ends now. */
  readonly end: number;
}

/** What one page holds at least, if there is so much. */
const pageBytes = 256 * 1024;

interface OpenLog {
  readonly folder: string;
  /** Where each segment begins, in ascending order. */
  readonly segments: number[];
  end: number;
}

export class JobLogFiles implements JobLogs {
  readonly #options: JobLogFilesOptions;
  readonly #logs = new Map<JobId, Promise<OpenLog>>();
  readonly #segmentBytes: number;
  /** What is being written of each job. */
  readonly #writing = new Map<JobId, Promise<void>>();
  readonly #queued = new Map<JobId, { lines: Buffer[]; bytes: number; dropped: number; time: number }>();

  constructor(options: JobLogFilesOptions) {
    this.#options = options;
    this.#segmentBytes = Math.ceil((options.bytesMax ?? JOB_LOG_BYTES_MAX) / 4);
  }

  append(job: JobId, line: JobLogLine): void {
    const queue = this.#queued.get(job) ?? { lines: [], bytes: 0, dropped: 0, time: line.time };
    this.#queued.set(job, queue);
    const text = encodeLine(line);
    queue.time = line.time;
    if (queue.bytes + text.length > JOB_LOG_QUEUE_BYTES_MAX) queue.dropped++;
    else {
      queue.lines.push(text);
      queue.bytes += text.length;
    }
    if (!this.#writing.has(job)) this.#write(job);
  }

  /** Lines from an offset on that an earlier slice gave, or from the oldest one that is still there. */
  async read(job: JobId, from: number): Promise<LogSlice> {
    const log = await this.#open(job);
    const start = Math.min(Math.max(from, log.segments[0] ?? 0), log.end);
    const segment = log.segments.findLast((begin) => begin <= start);
    if (segment === undefined || start >= log.end) return { lines: [], next: start, end: log.end };
    const file = await open(segmentPath(log.folder, segment));
    try {
      const { buffer, bytesRead } = await file.read(
        Buffer.alloc(pageBytes + JOB_LOG_LINE_BYTES_MAX * 2),
        0,
        undefined,
        start - segment,
      );
      const whole = buffer.subarray(0, bytesRead).lastIndexOf(10) + 1;
      return { lines: decodeLines(buffer.subarray(0, whole)), next: start + whole, end: log.end };
    } finally {
      await file.close();
    }
  }

  /** Resolves when what was appended so far is written. */
  async flushed(job: JobId): Promise<void> {
    while (this.#writing.has(job)) await this.#writing.get(job);
  }

  async remove(job: JobId): Promise<void> {
    this.#queued.delete(job);
    await this.#writing.get(job);
    this.#logs.delete(job);
    await rm(jobFolder(this.#options.folder, job), { recursive: true, force: true });
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    while (this.#writing.size > 0) await Promise.all(this.#writing.values());
  }

  #write(job: JobId): void {
    const written = this.#writeQueue(job)
      .catch((cause: Error) => this.#options.failed(cause))
      .finally(() => {
        this.#writing.delete(job);
        if ((this.#queued.get(job)?.lines.length ?? 0) > 0) this.#write(job);
      });
    this.#writing.set(job, written);
  }

  async #writeQueue(job: JobId): Promise<void> {
    const log = await this.#open(job);
    const queue = this.#queued.get(job);
    this.#queued.delete(job);
    if (queue === undefined) return;
    const lines = [...queue.lines, ...droppedLine(queue.dropped, queue.time)];
    const bytes = Buffer.concat(lines);
    await this.#rollSegment(log, bytes.length);
    await appendFile(segmentPath(log.folder, log.segments.at(-1) as number), bytes);
    log.end += bytes.length;
  }

  async #rollSegment(log: OpenLog, bytes: number): Promise<void> {
    const begin = log.segments.at(-1);
    if (begin !== undefined && (begin === log.end || log.end - begin + bytes <= this.#segmentBytes)) return;
    if (begin === undefined) await mkdir(log.folder, { recursive: true });
    log.segments.push(log.end);
    while (log.segments.length > 4) await rm(segmentPath(log.folder, log.segments.shift() as number), { force: true });
  }

  #open(job: JobId): Promise<OpenLog> {
    const known = this.#logs.get(job);
    if (known !== undefined) return known;
    const opened = openLog(jobFolder(this.#options.folder, job));
    this.#logs.set(job, opened);
    opened.catch(() => this.#logs.delete(job));
    return opened;
  }
}

async function openLog(folder: string): Promise<OpenLog> {
  const names = await readdir(folder).catch((): string[] => []);
  const segments = names
    .filter((name) => /^\d{16}\.jsonl$/.test(name))
    .map((name) => Number(name.slice(0, 16)))
    .sort((a, b) => a - b);
  const last = segments.at(-1);
  const end = last === undefined ? 0 : last + (await stat(segmentPath(folder, last))).size;
  return { folder, segments, end };
}

function segmentPath(folder: string, begin: number): string {
  return join(folder, `${String(begin).padStart(16, "0")}.jsonl`);
}

function encodeLine(line: JobLogLine): Buffer {
  const bytes = Buffer.from(`${JSON.stringify(line, plain)}\n`);
  if (bytes.length <= JOB_LOG_LINE_BYTES_MAX) return bytes;
  const cut = line.message.slice(0, JOB_LOG_LINE_BYTES_MAX / 8);
  return Buffer.from(`${JSON.stringify({ ...line, message: `${cut} … (cut)`, fields: { cut: true } })}\n`);
}

/** What JSON cannot say of a log's fields is said as text. */
function plain(_: string, value: unknown): unknown {
  return typeof value === "bigint" || typeof value === "function" || typeof value === "symbol" ? String(value) : value;
}

function droppedLine(dropped: number, time: number): Buffer[] {
  if (dropped === 0) return [];
  const message = `${dropped} lines were dropped here, as they came faster than they could be written`;
  return [encodeLine({ time, level: "warn", message, fields: {} })];
}

/** A line that a crash has cut is passed over. */
function decodeLines(bytes: Buffer): JobLogLine[] {
  return bytes
    .toString()
    .split("\n")
    .flatMap((text) => {
      if (text === "") return [];
      try {
        return [JSON.parse(text) as JobLogLine];
      } catch {
        return [];
      }
    });
}
