/**
 * A run: a file of records in the order in which they were written, as exchange frames.
 *
 *   │ u32 length │ 4 bytes, 0 │ frame │ … until the end of the file
 *
 * Scratch of one attempt on one machine, never read by another version. Files are written and read synchronously: a slot of
 * a batch has nothing to do meanwhile.
 */

import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { MillraceError } from "../../../core/errors.ts";
import { BATCH_BYTES_TARGET, BATCH_ROWS_MAX } from "../../../core/limits.ts";
import type { Gate } from "../../../core/operator.ts";
import { BatchDecoder } from "../codec/batch-decoder.ts";
import { BatchEncoder } from "../codec/batch-encoder.ts";

const HEADER_BYTES = 8;
const neverBlocked: Gate = { blocked: false };

export interface RunRecords {
  readonly values: unknown[];
  readonly timestamps: number[];
}

/** Runs of one edge, one after the other: shapes of records stay learnt. */
export class RunWriter {
  readonly #operator: string;
  readonly #encoder: BatchEncoder;
  #frame = new Uint8Array(0);
  #file: number | undefined;
  #path = "";
  bytes = 0;

  /** @param fields the only ones that are written, or undefined for all. */
  constructor(operator: string, fields: readonly string[] | undefined) {
    this.#operator = operator;
    const bounds = { maxRows: BATCH_ROWS_MAX, maxBytes: BATCH_BYTES_TARGET };
    this.#encoder = new BatchEncoder({ operator, ...bounds, ...(fields === undefined ? {} : { fields }) });
  }

  begin(path: string): void {
    this.#path = path;
    this.#file = this.#io(() => openSync(path, "wx", 0o600));
  }

  /** @throws BAD_RECORD, RECORD_TOO_LARGE, STATE_SPILL */
  write(value: unknown, timestamp: number): void {
    this.#encoder.add(value, timestamp);
    if (this.#encoder.full) this.#writeFrame();
  }

  end(): void {
    if (this.#encoder.rows > 0) this.#writeFrame();
    this.close();
  }

  close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) closeSync(file);
  }

  #writeFrame(): void {
    const length = this.#encode();
    const end = HEADER_BYTES + length;
    new DataView(this.#frame.buffer).setUint32(0, length, true);
    for (let written = 0; written < end; )
      written += this.#io(() => writeSync(this.#file as number, this.#frame, written, end - written));
    this.bytes += end;
  }

  /** Behind the header, at a multiple of 8 bytes. Returns its length. */
  #encode(): number {
    let length = this.#encoder.finish(this.#frame.subarray(HEADER_BYTES));
    if (length < 0) {
      this.#frame = new Uint8Array(HEADER_BYTES - length);
      length = this.#encoder.finish(this.#frame.subarray(HEADER_BYTES));
    }
    return length;
  }

  #io<R>(work: () => R): R {
    return spilling(this.#operator, "written", this.#path, work);
  }
}

export class RunReader {
  readonly #operator: string;
  readonly #path: string;
  readonly #decoder: BatchDecoder;
  readonly #file: number;
  #at = 0;

  constructor(path: string, operator: string) {
    this.#operator = operator;
    this.#path = path;
    this.#decoder = new BatchDecoder({ operator });
    this.#file = this.#io(() => openSync(path, "r"));
  }

  /** The records of the next frame; undefined behind the last one. @throws STATE_SPILL */
  next(): RunRecords | undefined {
    const header = Buffer.alloc(HEADER_BYTES);
    if (!this.#read(header)) return undefined;
    const frame = new Uint8Array(header.readUInt32LE(0));
    if (!this.#read(frame)) throw spillError(this.#operator, "read back", this.#path, new Error("it ends in a frame"));
    this.#decoder.bind(frame);
    const records: RunRecords = { values: [], timestamps: [] };
    this.#decoder.deliver((value, timestamp) => {
      records.values.push(value);
      records.timestamps.push(timestamp);
    }, neverBlocked);
    return records;
  }

  close(): void {
    closeSync(this.#file);
  }

  /** False at the end of the file. */
  #read(into: Uint8Array): boolean {
    for (let got = 0; got < into.length; ) {
      const read = this.#io(() => readSync(this.#file, into, got, into.length - got, this.#at));
      if (read === 0) return false;
      got += read;
      this.#at += read;
    }
    return true;
  }

  #io<R>(work: () => R): R {
    return spilling(this.#operator, "read back", this.#path, work);
  }
}

function spilling<R>(operator: string, what: string, path: string, work: () => R): R {
  try {
    return work();
  } catch (cause) {
    throw spillError(operator, what, path, cause as Error);
  }
}

function spillError(operator: string, what: string, path: string, cause: Error): MillraceError {
  const message = `a sorted run for "${operator}" cannot be ${what} (${path}): ${cause.message}; look at the disk of the folder for temporary files, or give another one by the option state.directory`;
  return new MillraceError("STATE_SPILL", message, { operator, cause });
}
