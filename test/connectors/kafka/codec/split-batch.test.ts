import fc from "fast-check";
import { expect, test } from "vitest";
import { readBatchHeader } from "../../../../connectors/kafka/codec/batch-header.ts";
import { compressions } from "../../../../connectors/kafka/codec/compression.ts";
import {
  type Field,
  type HeaderField,
  RecordBatchBuilder,
} from "../../../../connectors/kafka/codec/record-batch-builder.ts";
import { RecordColumns } from "../../../../connectors/kafka/codec/record-columns.ts";
import { RecordSet } from "../../../../connectors/kafka/codec/record-set.ts";
import { splitBatch } from "../../../../connectors/kafka/codec/split-batch.ts";

interface Record {
  readonly key: Field;
  readonly value: Field;
  readonly timestamp: number;
  readonly headers: readonly HeaderField[];
}

const field = fc.option(fc.string({ unit: "grapheme", maxLength: 20 }));
const record: fc.Arbitrary<Record> = fc.record({
  key: field,
  value: field,
  timestamp: fc.integer({ min: 0, max: 2 ** 42 }),
  headers: fc.array(fc.tuple(fc.string({ maxLength: 5 }), field), { maxLength: 3 }),
});

function recordsOf(batch: Buffer): unknown[] {
  const columns = new RecordColumns();
  const set = new RecordSet(batch, 0, batch.length, { from: 0 });
  const records: unknown[] = [];
  while (set.next(columns)) {
    for (let at = 0; at < columns.count; at++) {
      const headers = columns.headers(at).map(({ key, value }) => [key, value?.toString() ?? null]);
      const [key, value] = [columns.key(at)?.toString() ?? null, columns.value(at)?.toString() ?? null];
      records.push({ key, value, timestamp: columns.timestamps[at], headers });
    }
  }
  return records;
}

test("a divided batch has its records in their order, under the sequence numbers that they had", () => {
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 2, maxLength: 20 }),
      fc.constantFrom(...compressions),
      fc.boolean(),
      (records, compression, idempotent) => {
        const builder = new RecordBatchBuilder(compression);
        for (const { key, value, timestamp, headers } of records) builder.append(key, value, timestamp, headers);
        const producer = { producerId: 7, producerEpoch: 3, baseSequence: 40, transactional: true };
        const batch = idempotent ? builder.finish(producer) : builder.finish();
        const halves = splitBatch(Buffer.from(batch));
        expect(halves.flatMap(recordsOf)).toEqual(recordsOf(batch));
        let sequence = idempotent ? 40 : -1;
        for (const half of halves) {
          const header = readBatchHeader(half, 0, half.length);
          const stamp = idempotent ? producer : { producerId: -1, producerEpoch: -1, transactional: false };
          expect(header).toMatchObject({ ...stamp, compression, baseSequence: sequence });
          if (idempotent) sequence += header?.recordCount ?? 0;
        }
      },
    ),
    { numRuns: 100 },
  );
});

test("a single record cannot be divided", () => {
  const builder = new RecordBatchBuilder();
  builder.append(null, "a", 1);
  expect(() => splitBatch(builder.finish())).toThrow("less than two records");
});
