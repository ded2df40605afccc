/**
 * The rows of `collectTo` sinks: one JSON line a row, in a file a sink.
 *
 *   results/<job>/<sink>.jsonl, and beside it of jobs that take checkpoints `<sink>.lots` (`result-lots.ts`)
 *
 * Dates are ISO texts, bigints decimal texts, bytes base64, numbers that JSON lacks null. What is asked for one after the
 * other of a sink happens in that order.
 */

import { createReadStream } from "node:fs";
import { appendFile, mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { MillraceError } from "../../core/errors.ts";
import { COLLECT_ROWS_MAX, JOB_RESULT_BYTES_MAX } from "../../core/limits.ts";
import type { HeldRows } from "../checkpoints/collected-rows.ts";
import type { JobId } from "../cluster-ids.ts";
import { jobFolder, sinkFile } from "./job-paths.ts";
import type { JobResults, RowsOrigin } from "./job-store.ts";
import { appendLot, keepLots, removeLots } from "./result-lots.ts";

export interface JobResultFilesOptions {
  readonly folder: string;
  /** Default COLLECT_ROWS_MAX, of a sink. */
  readonly rowsMax?: number;
  /** Default JOB_RESULT_BYTES_MAX, of a sink. */
  readonly bytesMax?: number;
}

interface SinkFile {
  readonly path: string;
  rows: number;
  bytes: number;
  /** Where every `markEvery`th row begins. */
  readonly marks: number[];
}

const markEvery = 1000;

export class JobResultFiles implements JobResults {
  readonly #options: JobResultFilesOptions;
  /** What each sink does last, with what it has then; `job/sink` → file. */
  readonly #sinks = new Map<string, Promise<SinkFile>>();

  constructor(options: JobResultFilesOptions) {
    this.#options = options;
  }

  async append(job: JobId, sink: string, rows: readonly unknown[], origin?: RowsOrigin): Promise<number> {
    const file = await this.#then(job, sink, async (before) => {
      const bytes = before.bytes;
      await this.#appendRows(before, rows, sink);
      if (origin !== undefined)
        await appendLot(before.path, { ...origin, rows: rows.length, bytes: before.bytes - bytes });
      return before;
    });
    return file.rows;
  }

  async clear(job: JobId, sinks: readonly string[]): Promise<void> {
    await Promise.all(
      sinks.map((sink) =>
        this.#then(job, sink, async ({ path }) => {
          await rm(path, { force: true });
          await removeLots(path);
          return emptyFile(path);
        }),
      ),
    );
  }

  async keep(job: JobId, sink: string, held: HeldRows | undefined): Promise<number> {
    const file = await this.#then(job, sink, async ({ path }) => {
      await keepLots(path, held);
      return scan(path);
    });
    return file.rows;
  }

  /** At most `max` rows from a row on. */
  async read(job: JobId, sink: string, from: number, max: number): Promise<readonly unknown[]> {
    const file = await this.#then(job, sink, (before) => Promise.resolve(before));
    const mark = Math.floor(from / markEvery);
    const start = file.marks[mark];
    if (start === undefined || from >= file.rows || max <= 0) return [];
    const rows: unknown[] = [];
    const last = Math.min(file.rows, from + max);
    let at = mark * markEvery;
    const input = createReadStream(file.path, { start });
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (at >= last) break;
      if (at++ >= from) rows.push(JSON.parse(line));
    }
    input.destroy();
    return rows;
  }

  async remove(job: JobId): Promise<void> {
    const own = [...this.#sinks].filter(([key]) => key.startsWith(`${job}/`));
    await Promise.allSettled(own.map(([, last]) => last));
    for (const [key] of own) this.#sinks.delete(key);
    await rm(jobFolder(this.#options.folder, job), { recursive: true, force: true });
  }

  /** Resolves when everything that was asked for is done. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#sinks.values());
  }

  #then(job: JobId, sink: string, act: (file: SinkFile) => Promise<SinkFile>): Promise<SinkFile> {
    const key = `${job}/${sink}`;
    const path = sinkFile(jobFolder(this.#options.folder, job), sink);
    const before = this.#sinks.get(key) ?? scan(path);
    const done = before.catch(() => scan(path)).then(act);
    this.#sinks.set(key, done);
    // Whoever asked gets the failure; the next one looks at the file anew.
    done.catch(() => {});
    return done;
  }

  async #appendRows(file: SinkFile, rows: readonly unknown[], sink: string): Promise<void> {
    const { rowsMax = COLLECT_ROWS_MAX, bytesMax = JOB_RESULT_BYTES_MAX } = this.#options;
    const lines = rows.map((row) => Buffer.from(`${JSON.stringify(row, plain) ?? "null"}\n`));
    const bytes = lines.reduce((sum, line) => sum + line.length, 0);
    if (file.rows + rows.length > rowsMax || file.bytes + bytes > bytesMax) {
      throw new MillraceError(
        "BAD_OPTION",
        `sink "${sink}" has collected more than ${rowsMax} rows or ${bytesMax} bytes; write them to a file or topic instead`,
        { operator: sink },
      );
    }
    if (file.bytes === 0) await mkdir(dirname(file.path), { recursive: true });
    await appendFile(file.path, Buffer.concat(lines));
    for (const line of lines) {
      if (file.rows % markEvery === 0) file.marks.push(file.bytes);
      file.rows++;
      file.bytes += line.length;
    }
  }
}

function emptyFile(path: string): SinkFile {
  return { path, rows: 0, bytes: 0, marks: [] };
}

/** What is in a file, which may not exist. A line that a crash has cut does not count. */
async function scan(path: string): Promise<SinkFile> {
  const file = emptyFile(path);
  let seen = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) {
        if (file.rows % markEvery === 0) file.marks.push(file.bytes);
        file.rows++;
        file.bytes = seen + at + 1;
      }
      seen += chunk.length;
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
  }
  return file;
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (ArrayBuffer.isView(value))
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  return value;
}
