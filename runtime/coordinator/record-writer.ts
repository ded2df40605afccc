/**
 * Writes a job's record whenever it has changed, and never two at once: what changes during a write is written by the
 * next one, however often it has changed.
 */

import { MillraceError } from "../../core/errors.ts";
import type { JobId } from "../cluster-ids.ts";
import type { JobRecord } from "./job-record.ts";

export class RecordWriter {
  readonly #write: (record: JobRecord) => Promise<void>;
  #underWay: Promise<void> | undefined;
  #next: { record: JobRecord; readonly written: Promise<void> } | undefined;

  constructor(write: (record: JobRecord) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when this record, or a later one, is stored. */
  save(record: JobRecord): Promise<void> {
    if (this.#next !== undefined) {
      this.#next.record = record;
      return this.#next.written;
    }
    if (this.#underWay === undefined) return this.#start(record);
    const written = this.#underWay.then(
      () => this.#startNext(),
      () => this.#startNext(),
    );
    this.#next = { record, written };
    return written;
  }

  #startNext(): Promise<void> {
    const next = this.#next;
    this.#next = undefined;
    return next === undefined ? Promise.resolve() : this.#start(next.record);
  }

  #start(record: JobRecord): Promise<void> {
    const written = this.#write(record).finally(() => {
      if (this.#underWay === written) this.#underWay = undefined;
    });
    this.#underWay = written;
    return written;
  }
}

/** Resolves when what was asked of a job is safe. @throws STORE_FAILED, of which the coordinator hears too. */
export async function storedOrThrown(
  id: JobId,
  saved: Promise<void>,
  storeFailed: (cause: Error) => void,
): Promise<void> {
  try {
    await saved;
  } catch (cause) {
    storeFailed(cause as Error);
    const message = `what was asked of job ${id} could not be stored: ${String(cause)}`;
    throw new MillraceError("STORE_FAILED", message, { cause });
  }
}
