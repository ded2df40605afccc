/** Divides a record batch that is too large for a topic: two that hold its records in their order, under the same producer. */

import { readBatchHeader } from "./batch-header.ts";
import { type HeaderField, RecordBatchBuilder } from "./record-batch-builder.ts";
import { RecordColumns } from "./record-columns.ts";
import { RecordSet } from "./record-set.ts";

/** REQUIRES: a finished batch with at least two records. */
export function splitBatch(batch: Buffer): readonly [Buffer, Buffer] {
  const header = readBatchHeader(batch, 0, batch.length);
  const columns = new RecordColumns();
  if (header === undefined || !new RecordSet(batch, 0, batch.length, { from: 0 }).next(columns) || columns.count < 2)
    throw new Error("a batch that is to be divided has less than two records");
  const half = columns.count >> 1;
  const part = (from: number, to: number): Buffer => {
    const builder = new RecordBatchBuilder(header.compression, batch.length);
    for (let at = from; at < to; at++) {
      const headers = columns.headers(at).map(({ key, value }): HeaderField => [key, value]);
      builder.append(columns.key(at), columns.value(at), columns.timestamps[at] as number, headers); // below the count
    }
    const { producerId, producerEpoch, baseSequence, transactional } = header;
    const sequence = baseSequence < 0 ? baseSequence : baseSequence + from;
    return builder.finish({ producerId, producerEpoch, baseSequence: sequence, transactional });
  };
  return [part(0, half), part(half, columns.count)];
}
