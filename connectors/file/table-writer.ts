/**
 * The writer in two phases behind `toJsonlTable`: all rows in memory, and a file that is replaced as a whole.
 *
 *   .<name>-<from>-<attempt>-<serial>.writing   a whole table, prepared: nobody's business
 *   <name>                                      the table as of the last complete checkpoint: the one above, renamed
 *
 * What a restart goes on from is read back from the file of the checkpoint, whose checksum is in the checkpoint: of the last
 * table that was prepared before it as operator state, of one that was prepared at it as its part.
 */

import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { crc32 } from "node:zlib";
import type { Change } from "../../core/changelog.ts";
import { addsRow } from "../../core/changelog.ts";
import { MillraceError } from "../../core/errors.ts";
import { readFields } from "../../core/pick-fields.ts";
import type { SinkContext, SinkWriter } from "../../core/sink.ts";
import { jsonText } from "../json-text.ts";
import { OUTPUT_BUFFER_CHARS } from "./limits.ts";
import { syncFolder } from "./sync-folder.ts";

/** What checkpoints keep of a table. */
interface PreparedTable {
  /** The name of its file before it is published. */
  readonly written: string;
  /** Of its bytes. */
  readonly crc: number;
}

export class TableWriter<T extends object> implements SinkWriter<Change<T>> {
  readonly #path: string;
  readonly #folder: string;
  readonly #context: SinkContext;
  readonly #keyOf: (row: object) => unknown;
  /** Lines by the text of their key. */
  readonly #rows = new Map<string, string>();
  #changed = false;
  #serial = 0;
  /** The one that was prepared last, in this attempt or before it. */
  #latest: PreparedTable | undefined;
  /** Those that are published, as far as this writer knows. */
  readonly #published = new Set<string>();

  constructor(path: string, key: readonly string[], context: SinkContext) {
    this.#path = resolve(context.workingDirectory, path);
    this.#folder = dirname(this.#path);
    this.#context = context;
    this.#keyOf = readFields(key) as (row: object) => unknown;
    const before = context.operatorState.list<PreparedTable>("table", "split", () =>
      this.#latest === undefined ? [] : [this.#latest],
    );
    const parts = context.restored?.parts ?? [];
    this.#latest = (parts.at(-1)?.prepared as PreparedTable | undefined) ?? before[0];
  }

  async open(): Promise<void> {
    await this.#orUnwritable(this.#clear());
    if (this.#latest !== undefined) await this.#readBack(this.#latest);
  }

  write(change: Change<T>): void {
    if (change.kind === "updateBefore") return; // the row that replaces it comes next
    const key = jsonText(this.#keyOf(change.value));
    if (addsRow(change)) this.#rows.set(key, jsonText(change.value));
    else if (!this.#rows.delete(key)) return;
    this.#changed = true;
  }

  async prepare(): Promise<PreparedTable | undefined> {
    if (!this.#changed) return undefined;
    this.#changed = false;
    const written = `${this.#prefix}${this.#serial++}.writing`;
    this.#latest = { written, crc: await this.#orUnwritable(this.#writeAll(join(this.#folder, written))) };
    return this.#latest;
  }

  async commit(_checkpoint: number, prepared: unknown): Promise<void> {
    const { written } = prepared as PreparedTable; // of `prepare`
    // What `open` has found to be published, by this name or a later one, is not there any more.
    if (this.#published.has(written)) return;
    await this.#orUnwritable(rename(join(this.#folder, written), this.#path));
    await this.#orUnwritable(syncFolder(this.#folder));
    this.#published.add(written);
  }

  async close(): Promise<void> {
    this.#rows.clear();
  }

  /** What the names of this attempt's files begin with. */
  get #prefix(): string {
    const { restored, attempt } = this.#context;
    return `.${basename(this.#path)}-${restored?.checkpoint ?? 0}-${attempt}-`;
  }

  /** Removes what earlier attempts have left, and at a first start what an earlier job has published. */
  async #clear(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const { restored } = this.#context;
    const parts = (restored?.parts ?? []).map(({ prepared }) => (prepared as PreparedTable).written);
    const left = await readdir(this.#folder);
    const isOwn = (name: string): boolean => name.startsWith(`.${basename(this.#path)}-`) && name.endsWith(".writing");
    for (const name of left.filter(isOwn)) {
      if (!parts.includes(name)) await rm(join(this.#folder, name), { force: true });
    }
    for (const name of parts) if (!left.includes(name)) this.#published.add(name);
    if (restored === undefined) await rm(this.#path, { force: true });
  }

  async #writeAll(path: string): Promise<number> {
    const file = await open(path, "w");
    try {
      const crc = await this.#writeRows(file);
      await file.sync();
      return crc;
    } finally {
      await file.close();
    }
  }

  async #writeRows(file: FileHandle): Promise<number> {
    let crc = 0;
    let text = "";
    const flush = async (): Promise<void> => {
      const bytes = Buffer.from(text);
      text = "";
      crc = crc32(bytes, crc);
      await file.writeFile(bytes);
    };
    for (const line of this.#rows.values()) {
      text += `${line}\n`;
      if (text.length >= OUTPUT_BUFFER_CHARS) await flush();
    }
    await flush();
    return crc;
  }

  /** @throws CHECKPOINT_BEHIND_OUTPUT unless the file is the one of the checkpoint. */
  async #readBack({ written, crc }: PreparedTable): Promise<void> {
    const isPrepared = this.#context.restored?.parts.some(
      ({ prepared }) => (prepared as PreparedTable).written === written,
    );
    const path = isPrepared === true && !this.#published.has(written) ? join(this.#folder, written) : this.#path;
    const bytes = await this.#orUnwritable(readFile(path));
    if (crc32(bytes) !== crc) throw this.#behind();
    for (const line of bytes.toString("utf8").split("\n")) {
      if (line !== "") this.#rows.set(jsonText(this.#keyOf(JSON.parse(line) as object)), line);
    }
  }

  #behind(): MillraceError {
    const { restored } = this.#context;
    return new MillraceError(
      "CHECKPOINT_BEHIND_OUTPUT",
      `${this.#path} is not the table of checkpoint ${restored?.checkpoint}, from which the job goes on: a later one has replaced it, or somebody has changed it. Go on from the latest checkpoint, or put the table of that checkpoint there`,
    );
  }

  async #orUnwritable<Result>(step: Promise<Result>): Promise<Result> {
    return await step.catch((cause: Error) => {
      if (cause instanceof MillraceError) throw cause;
      throw new MillraceError("OUTPUT_UNWRITABLE", `cannot keep ${this.#path}: ${cause.message}`, { cause });
    });
  }
}
