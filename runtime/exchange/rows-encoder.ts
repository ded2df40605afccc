/** Records that have no frame, or not one of their own, as exchange frames: for what is written down while it is in flight. */

import { BATCH_BYTES_TARGET, BATCH_ROWS_MAX } from "../../core/limits.ts";
import type { Gate } from "../../core/operator.ts";
import type { Batch } from "./channel.ts";
import { BatchEncoder } from "./codec/batch-encoder.ts";
import type { LocalRows } from "./local-channel.ts";

const noBytes = new Uint8Array(0);
const neverBlocked: Gate = { blocked: false };

export class RowsEncoder {
  readonly #newEncoder: () => BatchEncoder;
  /** Absent at first, and when a record was refused: what came before that record is in it. */
  #encoder: BatchEncoder | undefined;

  /** `operator` is named in errors; `fields`: the only ones that are written, or undefined for all. */
  constructor(operator: string, fields: readonly string[] | undefined) {
    const bounds = { maxRows: BATCH_ROWS_MAX, maxBytes: BATCH_BYTES_TARGET };
    this.#newEncoder = () => new BatchEncoder({ operator, ...bounds, ...(fields === undefined ? {} : { fields }) });
  }

  /** REQUIRES: as many rows as a batch has, at most. @throws BAD_RECORD, RECORD_TOO_LARGE */
  frameOf({ values, timestamps, rows }: LocalRows): Uint8Array {
    const encoder = this.#encoder ?? this.#newEncoder();
    this.#encoder = undefined;
    for (let row = 0; row < rows; row++) encoder.add(values[row], timestamps[row] as number);
    const frame = new Uint8Array(-encoder.finish(noBytes));
    const length = encoder.finish(frame);
    this.#encoder = encoder;
    return frame.subarray(0, length);
  }
}

/** What of a batch has not been pushed, of that what is wanted. */
export function restOf(batch: Batch, isWanted: (value: unknown) => boolean = () => true): LocalRows {
  const values: unknown[] = [];
  const timestamps: number[] = [];
  batch.deliver((value, timestamp) => {
    if (!isWanted(value)) return;
    values.push(value);
    timestamps.push(timestamp);
  }, neverBlocked);
  return { values, timestamps: Float64Array.from(timestamps), rows: values.length };
}
