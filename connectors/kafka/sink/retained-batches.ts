/**
 * The record batches of a prepared transaction, as checkpoints retain them and as they are written again: of each range of
 * `written` that is to be retained, in order, its batches in theirs. So their number of records tells where a range ends.
 */

import { countOf } from "../codec/record-batch-builder.ts";
import type { PreparedTransaction, WrittenRange } from "./prepared-transaction.ts";
import type { TransactionPort } from "./transaction-port.ts";

/** A checkpoint keeps what this gives: read from the log, where it is as long as its transaction is open. */
export function retainedOf(
  transaction: PreparedTransaction,
  port: TransactionPort,
  missing: (range: WrittenRange, found: number) => Error,
): AsyncIterable<Uint8Array> | undefined {
  const ranges = transaction.written.filter(({ retained }) => retained);
  if (ranges.length === 0) return undefined;
  return {
    async *[Symbol.asyncIterator]() {
      for (const range of ranges) {
        let records = 0;
        for await (const batch of port.read(range, transaction)) {
          records += countOf(batch);
          yield batch;
        }
        if (records !== range.records) throw missing(range, records);
      }
    },
  };
}

/** What was written to a range: from the checkpoint, if that has it, else from the log. REQUIRES: ranges in their order. */
export async function* batchesOf(
  range: WrittenRange,
  transaction: PreparedTransaction,
  port: TransactionPort,
  retained: AsyncIterator<Uint8Array> | undefined,
): AsyncGenerator<Buffer> {
  let left = range.records;
  while (range.retained === true && retained !== undefined && left > 0) {
    const { done, value } = await retained.next();
    if (done === true) break;
    const batch = Buffer.from(value);
    left -= countOf(batch);
    yield batch;
  }
  // A savepoint that a program has changed names the part and holds nothing of it.
  if (left === range.records) yield* port.read(range, transaction);
}
