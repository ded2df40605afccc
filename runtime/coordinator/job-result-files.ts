/**
 * The rows of `collectTo` sinks: one JSON line a row, in a file a sink.
 *
 *   results/<job>/<sink>.jsonl, and beside it of jobs that take checkpoints `<sink>.lots` (`result-lots.ts`)
 *
 * Dates are ISO texts, bigints decimal texts, bytes base64, numbers that JSON lacks null. What is asked for one after the
 * other of a sink happens in that order.
 */

import { dirname } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import { COLLECT_ROWS_MAX, JOB_RESULT_BYTES_MAX } from "../../core/limits.ts";
import type { HeldRows } from "../checkpoints/collected-rows.ts";
import type { JobId } from "../cluster-ids.ts";
import { type Files, makeFolder, type OpenFile, syncFolder, systemFiles, unlessAbsent } from "../state/files.ts";
import { jobFolder, sinkFile } from "./job-paths.ts";
import type { JobResults, RowsOrigin } from "./job-store.ts";
import { appendLot, keepLots, removeLots, syncLots } from "./result-lots.ts";

export interface JobResultFilesOptions {
  readonly folder: string;
  /** Default: the machine's. */
  readonly files?: Files;
  /** Default COLLECT_ROWS_MAX, of a sink. */
  readonly rowsMax?: number;
  /** Default JOB_RESULT_BYTES_MAX, of a sink. */
  readonly bytesMax?: number;
}

interface SinkFile {
  readonly path: string;
  rows: number;
  bytes: number;
  /** Whether it is the same after a loss of power. */
  synced: boolean;
  /** Where every `markEvery`th row begins. */
  readonly marks: number[];
}

const markEvery = 1000;

/** What is read of a file at once. */
const chunkBytes = 64 * 1024;
const newLine = 10;

export class JobResultFiles implements JobResults {
  readonly #options: JobResultFilesOptions;
  readonly #files: Files;
  /** What each sink does last, with what it has then; `job/sink` → file. */
  readonly #sinks = new Map<string, Promise<SinkFile>>();

  constructor(options: JobResultFilesOptions) {
    this.#options = options;
    this.#files = options.files ?? systemFiles;
  }

  async append(job: JobId, sink: string, rows: readonly unknown[], origin?: RowsOrigin): Promise<number> {
    const file = await this.#then(job, sink, async (before) => {
      const bytes = before.bytes;
      await this.#appendRows(before, rows, sink);
      if (origin !== undefined)
        await appendLot(this.#files, before.path, { ...origin, rows: rows.length, bytes: before.bytes - bytes });
      return before;
    });
    return file.rows;
  }

  async clear(job: JobId, sinks: readonly string[]): Promise<void> {
    await Promise.all(
      sinks.map((sink) =>
        this.#then(job, sink, async ({ path }) => {
          await this.#files.rm(path, { force: true });
          await removeLots(this.#files, path);
          return emptyFile(path);
        }),
      ),
    );
  }

  async keep(job: JobId, sink: string, held: HeldRows | undefined): Promise<number> {
    const file = await this.#then(job, sink, async ({ path }) => {
      await keepLots(this.#files, path, held);
      return scan(this.#files, path);
    });
    return file.rows;
  }

  async sync(job: JobId, sinks: readonly string[]): Promise<void> {
    await Promise.all(
      sinks.map((sink) =>
        this.#then(job, sink, async (file) => {
          if (!file.synced) await this.#sync(file);
          file.synced = true;
          return file;
        }),
      ),
    );
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
    for await (const line of linesOf(this.#files, file.path, start)) {
      if (at >= last) break;
      if (at++ >= from) rows.push(JSON.parse(line.toString()));
    }
    return rows;
  }

  async remove(job: JobId): Promise<void> {
    const own = [...this.#sinks].filter(([key]) => key.startsWith(`${job}/`));
    await Promise.allSettled(own.map(([, last]) => last));
    for (const [key] of own) this.#sinks.delete(key);
    await this.#files.rm(jobFolder(this.#options.folder, job), { recursive: true, force: true });
  }

  /** Resolves when everything that was asked for is done. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#sinks.values());
  }

  #then(job: JobId, sink: string, act: (file: SinkFile) => Promise<SinkFile>): Promise<SinkFile> {
    const key = `${job}/${sink}`;
    const path = sinkFile(jobFolder(this.#options.folder, job), sink);
    const before = this.#sinks.get(key) ?? scan(this.#files, path);
    const done = before.catch(() => scan(this.#files, path)).then(act);
    this.#sinks.set(key, done);
    // Whoever asked gets the failure; the next one looks at the file anew.
    done.catch(() => {});
    return done;
  }

  /** Where nothing is left too: what was taken back comes again, and must not be there with it. */
  async #sync({ path, bytes }: SinkFile): Promise<void> {
    const folder = dirname(path);
    if (bytes > 0) {
      await syncLots(this.#files, path);
      await makeFolder(this.#files, folder);
    }
    await unlessAbsent(syncFolder(this.#files, folder));
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
    if (file.bytes === 0) await this.#files.mkdir(dirname(file.path), { recursive: true });
    file.synced = false;
    await using target = await this.#files.open(file.path, "a");
    await target.writeFile(Buffer.concat(lines));
    for (const line of lines) {
      if (file.rows % markEvery === 0) file.marks.push(file.bytes);
      file.rows++;
      file.bytes += line.length;
    }
  }
}

function emptyFile(path: string): SinkFile {
  return { path, rows: 0, bytes: 0, synced: false, marks: [] };
}

/** What is in a file, which may not exist. */
async function scan(files: Files, path: string): Promise<SinkFile> {
  const file = emptyFile(path);
  for await (const line of linesOf(files, path, 0)) {
    if (file.rows % markEvery === 0) file.marks.push(file.bytes);
    file.rows++;
    file.bytes += line.length;
  }
  return file;
}

/** The lines of a file from a place on, with their ends. A line that a crash has cut does not count. */
async function* linesOf(files: Files, path: string, from: number): AsyncGenerator<Buffer> {
  await using file = await unlessAbsent(files.open(path));
  if (file === undefined) return;
  let rest = Buffer.alloc(0);
  for (let position = from; ; ) {
    const { bytesRead, chunk } = await readChunk(file, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    const text = Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = text.indexOf(newLine); end >= 0; end = text.indexOf(newLine, start)) {
      yield text.subarray(start, end + 1);
      start = end + 1;
    }
    rest = text.subarray(start);
  }
}

async function readChunk(
  file: OpenFile,
  position: number,
): Promise<{ readonly bytesRead: number; readonly chunk: Buffer }> {
  const buffer = Buffer.alloc(chunkBytes);
  const { bytesRead } = await file.read(buffer, 0, chunkBytes, position);
  return { bytesRead, chunk: buffer.subarray(0, bytesRead) };
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (ArrayBuffer.isView(value))
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  return value;
}
