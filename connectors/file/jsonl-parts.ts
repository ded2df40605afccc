/**
 * A folder of JSON Lines files in which each record stands once, whatever fails: the writer in two phases behind
 * `toJsonl(path, { exactlyOnce: true })`.
 *
 *   .part-<from>-<attempt>-<subtask>-<serial>.writing   being written, or prepared: nobody's business
 *   part-<checkpoint>-<subtask>-<serial>.jsonl          published, by renaming the one above
 *
 * The first name is that of one attempt alone: `from` is the checkpoint that it goes on from, and what that holds was begun
 * by an earlier one. So whatever has another name, and is not to be published by the checkpoint, is void and removed.
 */

import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import type { SinkContext, SinkWriter } from "../../core/sink.ts";
import { jsonText } from "../json-text.ts";
import { OUTPUT_BUFFER_CHARS } from "./limits.ts";
import { syncFolder } from "./sync-folder.ts";

/** What the checkpoint keeps of a part: names in the folder. */
interface PreparedFile {
  readonly written: string;
  readonly published: string;
}

const published = /^part-(\d+)-\d+-\d+\.jsonl$/;
const unpublished = /^\.part-.*\.writing$/;
/** Names in the order of checkpoints, as many as there may be. */
const CHECKPOINT_DIGITS = 13;

export class JsonlPartsWriter<T> implements SinkWriter<T> {
  readonly #folder: string;
  readonly #context: SinkContext;
  /** What the names of this attempt's unpublished files begin with. */
  readonly #prefix: string;
  #serial = 0;
  #handle: FileHandle | undefined;
  #text = "";

  constructor(folder: string, context: SinkContext) {
    this.#folder = folder;
    this.#context = context;
    this.#prefix = `.part-${context.restored?.checkpoint ?? 0}-${context.attempt}-`;
  }

  async open(): Promise<void> {
    await this.#orUnwritable(mkdir(this.#folder, { recursive: true }));
    if (this.#context.subtask === 0) await this.#orUnwritable(this.#clear());
  }

  write(value: T): void | Promise<void> {
    this.#text += `${jsonText(value)}\n`;
    if (this.#text.length >= OUTPUT_BUFFER_CHARS) return this.flush();
  }

  /** To the disk, so that memory is bounded; nobody sees it before it is committed. */
  async flush(): Promise<void> {
    if (this.#text === "") return;
    const text = this.#text;
    this.#text = "";
    this.#handle ??= await this.#orUnwritable(open(join(this.#folder, this.#unpublished), "w"));
    await this.#orUnwritable(this.#handle.writeFile(text));
  }

  async prepare(checkpoint: number): Promise<PreparedFile | undefined> {
    await this.flush();
    const handle = this.#handle;
    if (handle === undefined) return undefined;
    await this.#orUnwritable(handle.sync());
    this.#handle = undefined;
    await this.#orUnwritable(handle.close());
    await this.#orUnwritable(syncFolder(this.#folder));
    const number = String(checkpoint).padStart(CHECKPOINT_DIGITS, "0");
    const written = this.#unpublished;
    return { written, published: `part-${number}-${this.#context.subtask}-${this.#serial++}.jsonl` };
  }

  async commit(_checkpoint: number, prepared: unknown): Promise<void> {
    const part = prepared as PreparedFile; // of `prepare`
    try {
      await rename(join(this.#folder, part.written), join(this.#folder, part.published));
    } catch (cause) {
      // It may have been published before the restart.
      if (!(await exists(join(this.#folder, part.published)))) throw this.#unwritable(cause as Error);
    }
    await this.#orUnwritable(syncFolder(this.#folder));
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle === undefined) return;
    await this.#orUnwritable(handle.close());
    await this.#orUnwritable(rm(join(this.#folder, this.#unpublished), { force: true }));
  }

  get #unpublished(): string {
    return `${this.#prefix}${this.#context.subtask}-${this.#serial}.writing`;
  }

  /** Removes what earlier attempts have left, and at a first start what an earlier job has published. */
  async #clear(): Promise<void> {
    const { restored } = this.#context;
    const kept = new Set(restored?.parts.map(({ prepared }) => (prepared as PreparedFile).written));
    for (const name of await readdir(this.#folder)) {
      const isVoid = unpublished.test(name) && !kept.has(name) && !name.startsWith(this.#prefix);
      const checkpoint = Number(published.exec(name)?.[1] ?? Number.NaN);
      if (restored !== undefined && checkpoint > restored.checkpoint)
        throw behind(this.#folder, name, restored.checkpoint);
      const isOfBefore = restored === undefined && !Number.isNaN(checkpoint);
      if (isVoid || isOfBefore) await rm(join(this.#folder, name), { force: true });
    }
  }

  async #orUnwritable<Result>(step: Promise<Result>): Promise<Result> {
    return await step.catch((cause: Error) => {
      throw cause instanceof MillraceError ? cause : this.#unwritable(cause);
    });
  }

  #unwritable(cause: Error): MillraceError {
    return new MillraceError("OUTPUT_UNWRITABLE", `cannot write into ${this.#folder}: ${cause.message}`, { cause });
  }
}

function behind(folder: string, name: string, checkpoint: number): MillraceError {
  return new MillraceError(
    "CHECKPOINT_BEHIND_OUTPUT",
    `${folder} has ${name}, which was published after checkpoint ${checkpoint}, from which the job goes on; its records would come twice. Go on from a later checkpoint, or remove what is newer`,
  );
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
