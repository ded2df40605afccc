/** A table in a JSON Lines file: the last row of each key, as an upsert sink. */

import type { Change } from "../../core/changelog.ts";
import { MillraceError } from "../../core/errors.ts";
import type { UpsertSink } from "../../core/sink.ts";
import { type KeyField, keySelector } from "../../core/stream-options.ts";
import { TableWriter } from "./table-writer.ts";

export interface JsonlTableOptions<T> {
  /** The fields that tell rows apart, of those that JSON gives back as they are, or as the same text. */
  readonly key: KeyField<T> | readonly KeyField<T>[];
}

/**
 * Keeps a table in a file: one line of JSON for each key, its last row, in the order in which keys came first. A row that is
 * deleted has no line. Every change is in the file once, whatever fails: the file is replaced as a whole when a checkpoint
 * that changes it is complete, and in a job without checkpoints at the end. Who reads it sees one state of the table, never
 * half of one. What the file was before the job's first start is gone when it starts.
 *
 * One subtask holds all rows, as their text, and writes them all each time: for tables up to some hundred thousand rows. A
 * larger one belongs into a compacted topic or a database.
 *
 * `path` is relative to the folder in which the job was started or submitted.
 *
 * @throws MillraceError OUTPUT_UNWRITABLE when the file cannot be written or read again; BAD_RECORD for what is no JSON;
 * CHECKPOINT_BEHIND_OUTPUT when the file is not what it was at the checkpoint from which the job goes on.
 */
export function toJsonlTable<T extends object>(path: string, { key }: JsonlTableOptions<T>): UpsertSink<T> {
  if (typeof path !== "string" || path === "") throw refused(`the path of a file, got ${JSON.stringify(path)}`);
  const fields: readonly string[] = typeof key === "string" ? [key] : (key ?? []);
  if (fields.length === 0) throw refused("key to name the fields that tell rows apart, got none");
  return Object.freeze<UpsertSink<T>>({
    name: `jsonl table:${path}`,
    parallelism: 1,
    upsertKey: keyOfChange<T>(key),
    writer: (context) => new TableWriter<T>(path, fields, context),
  });
}

/** The key of a change: that of its row. */
export function keyOfChange<T>(key: string | readonly string[]) {
  const { select } = keySelector<T>(key);
  return Object.freeze({ select: ({ value }: Change<T>) => select(value), fields: undefined });
}

function refused(expected: string): MillraceError {
  return new MillraceError("BAD_OPTION", `toJsonlTable expects ${expected}`);
}
