import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readBatchHeader } from "../../../../connectors/kafka/codec/batch-header.ts";
import { compressions } from "../../../../connectors/kafka/codec/compression.ts";
import { crc32c } from "../../../../connectors/kafka/codec/crc32c.ts";
import {
  countOf,
  type ProducerStamp,
  RecordBatchBuilder,
  stampBatch,
} from "../../../../connectors/kafka/codec/record-batch-builder.ts";
import { RecordColumns } from "../../../../connectors/kafka/codec/record-columns.ts";
import { RecordSet } from "../../../../connectors/kafka/codec/record-set.ts";
import { MillraceError } from "../../../../core/errors.ts";
import {
  anyCompression,
  anyRecord,
  atOffset,
  batchOf,
  expected,
  type PlainRecord,
  type ReadRecord,
  readAll,
  rowsOf,
} from "./records.ts";

const anyRecords = fc.array(anyRecord, { minLength: 1, maxLength: 40 });

const three: readonly PlainRecord[] = [
  { key: "k", value: '{"a":1}', timestamp: 1_700_000_000_000, headers: [] },
  { key: null, value: "two", timestamp: 1_700_000_000_005, headers: [["trace", "ü"]] },
  { key: Buffer.from([0, 255]), value: null, timestamp: 1_699_999_999_999, headers: [["empty", null]] },
];

/** A batch with other attributes, and the checksum that fits. */
function withAttributes(batch: Buffer, attributes: number, maxTimestamp?: number): Buffer {
  const changed = Buffer.from(batch);
  changed.writeInt16BE(changed.readInt16BE(21) | attributes, 21);
  if (maxTimestamp !== undefined) changed.writeBigInt64BE(BigInt(maxTimestamp), 35);
  changed.writeUInt32BE(crc32c(changed, 21), 17);
  return changed;
}

function codeOf(run: () => unknown): string {
  try {
    run();
    return "nothing was thrown";
  } catch (error) {
    return error instanceof MillraceError ? error.code : String(error);
  }
}

test("records come back as they were, in every compression", () => {
  fc.assert(
    fc.property(anyRecords, anyCompression, (records, compression) => {
      expect(readAll(batchOf(records, compression))).toEqual(expected(records));
    }),
  );
});

test("a fetch that is put aside after any record goes on behind it, out of the same bytes", () => {
  const batches = fc.array(fc.tuple(anyRecords, anyCompression), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(batches, fc.nat(), (parts, place) => {
      let base = 0;
      const written = parts.map(([records, compression]) => {
        const batch = atOffset(batchOf(records, compression), base);
        base += records.length;
        return batch;
      });
      const all = parts.flatMap(([records]) => records);
      const from = place % (all.length + 1);
      const bytes = Buffer.concat(written);
      const set = new RecordSet(bytes, 0, bytes.length, { from: 0 });
      const columns = new RecordColumns();
      while (set.nextOffset < from && set.next(columns));
      const again = set.again(from);
      const rest: ReadRecord[] = [];
      while (again.next(columns)) rest.push(...rowsOf(columns));
      expect(rest).toEqual(expected(all).slice(from));
    }),
  );
});

test("a builder is empty after a batch, and what it gave out stays as it was", () => {
  fc.assert(
    fc.property(anyRecords, anyRecords, anyCompression, (first, second, compression) => {
      const builder = new RecordBatchBuilder(compression);
      const batches = [first, second].map((records) => {
        for (const { key, value, timestamp, headers } of records) builder.append(key, value, timestamp, headers);
        expect(builder.count).toBe(records.length);
        return builder.finish();
      });
      expect(batches.map((batch) => readAll(batch))).toEqual([expected(first), expected(second)]);
    }),
  );
});

test("memory that a builder takes back is written anew, whatever lies in it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyRecords, fc.boolean()), { maxLength: 6 }),
      anyCompression,
      (rounds, compression) => {
        const builder = new RecordBatchBuilder(compression);
        for (const [records, givenBack] of rounds) {
          for (const { key, value, timestamp, headers } of records) builder.append(key, value, timestamp, headers);
          const batch = builder.finish();
          expect(readAll(batch)).toEqual(expected(records));
          if (!givenBack) continue;
          batch.fill(0xee);
          builder.reuse(batch);
        }
      },
    ),
  );
});

test("a batch goes into memory that was taken back", () => {
  const builder = new RecordBatchBuilder();
  const write = (): Buffer => {
    builder.append(null, "v", 0);
    return builder.finish();
  };
  const [first, second] = [write(), write()];
  builder.reuse(first);
  expect(write().buffer).not.toBe(first.buffer); // was begun before
  expect([write().buffer, second.buffer === first.buffer]).toEqual([first.buffer, false]);
});

test("the bytes are those of the format", () => {
  const batch = batchOf([{ key: "k", value: "v", timestamp: 5, headers: [["h", "x"]] }]);
  const head = "0000000000000000" + "0000003e" + "ffffffff" + "02" + "........" + "0000" + "00000000";
  const rest = "0000000000000005" + "0000000000000005" + "ffffffffffffffff" + "ffff" + "ffffffff" + "00000001";
  const record = "18" + "00" + "00" + "00" + "026b" + "0276" + "02" + "0268" + "0278";
  expect(batch.toString("hex")).toMatch(new RegExp(`^${head}${rest}${record}$`));
});

test("reading begins at any offset, also within a batch", () => {
  fc.assert(
    fc.property(anyRecords, anyRecords, anyCompression, fc.nat(), (first, second, compression, at) => {
      const bytes = Buffer.concat([
        atOffset(batchOf(first, compression), 100),
        atOffset(batchOf(second, compression), 100 + first.length),
      ]);
      const all = expected([...first, ...second], 100);
      const from = 100 + (at % all.length);
      expect(readAll(bytes, { from })).toEqual(all.filter(({ offset }) => offset >= from));
    }),
  );
});

test("a batch that is cut off at the end is left for the next fetch", () => {
  const first = atOffset(batchOf(three), 0);
  const both = Buffer.concat([first, atOffset(batchOf(three), 3)]);
  for (let end = first.length; end < both.length; end++) {
    const bytes = both.subarray(0, end);
    expect(readAll(bytes)).toEqual(expected(three));
    const set = new RecordSet(bytes, 0, end, { from: 0 });
    while (set.next(new RecordColumns()));
    expect(set.nextOffset).toBe(3);
  }
});

test("records appended by the broker's clock all have its time", () => {
  const batch = withAttributes(batchOf(three), 0b1000, 42);
  expect(readAll(batch).map(({ timestamp }) => timestamp)).toEqual([42, 42, 42]);
});

test("a batch whose records were compacted away moves the position on", () => {
  const compacted = Buffer.from(batchOf(three).subarray(0, 61));
  compacted.writeInt32BE(49, 8);
  compacted.writeInt32BE(0, 57);
  compacted.writeUInt32BE(crc32c(compacted, 21), 17);
  const set = new RecordSet(compacted, 0, compacted.length, { from: 0 });
  expect(set.next(new RecordColumns())).toBe(false);
  expect(set.nextOffset).toBe(3);
});

const stamps = fc.record({
  producerId: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  producerEpoch: fc.nat(32_767),
  baseSequence: fc.nat(2 ** 31 - 1),
  transactional: fc.boolean(),
});

test("a batch carries its producer's stamp, and can be stamped again", () => {
  fc.assert(
    fc.property(anyRecords, anyCompression, stamps, stamps, (records, compression, first, second) => {
      const batch = batchOf(records, compression, first);
      expect(readBatchHeader(batch, 0, batch.length)).toMatchObject(first);
      stampBatch(batch, second);
      expect(readBatchHeader(batch, 0, batch.length)).toMatchObject<ProducerStamp>(second);
      expect(readAll(batch)).toEqual(expected(records));
      expect(countOf(batch)).toBe(records.length);
    }),
  );
});

describe.each(compressions)("a damaged batch (%s)", (compression) => {
  const batch = batchOf(three, compression);
  /** Not under the checksum: the broker fills it in. */
  const isOffset = (at: number): boolean => at < 8;
  const isLeaderEpoch = (at: number): boolean => at >= 12 && at < 16;

  test("whatever bit is flipped, it is refused by name", () => {
    for (let at = 0; at < batch.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const bad = Buffer.from(batch);
        bad[at] = (bad[at] ?? 0) ^ (1 << bit);
        if (isLeaderEpoch(at)) expect(readAll(bad)).toEqual(expected(three));
        else if (!isOffset(at)) expect([at, bit, codeOf(() => readAll(bad))]).toEqual([at, bit, "KAFKA_FORMAT"]);
      }
    }
  });

  test("however short it is, it is refused by name", () => {
    for (let end = 1; end < batch.length; end++) {
      expect(codeOf(() => readAll(batch.subarray(0, end)))).toBe("KAFKA_FORMAT");
    }
  });
});

test("what is nonsense in spite of a right checksum is read within its bounds or refused by name", () => {
  const batch = batchOf(three);
  const position = fc.integer({ min: 21, max: batch.length - 1 });
  fc.assert(
    fc.property(position, fc.integer({ min: 1, max: 255 }), (at, damage) => {
      const bad = Buffer.from(batch);
      bad[at] = (bad[at] ?? 0) ^ damage;
      bad.writeUInt32BE(crc32c(bad, 21), 17);
      try {
        expect(readAll(bad).every(({ offset }) => offset >= 0 && offset <= 0x7fff_ffff)).toBe(true);
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        expect(error.code).toBe("KAFKA_FORMAT");
      }
    }),
    { numRuns: 1000 },
  );
});

test.each([
  ["a length below the head's", (b: Buffer) => b.writeInt32BE(10, 8), "a record batch of 10 bytes"],
  ["a negative length", (b: Buffer) => b.writeInt32BE(-1, 8), "a record batch of -1 bytes"],
  ["an old version", (b: Buffer) => b.writeInt8(1, 16), "version 1"],
  ["more records than bytes", (b: Buffer) => b.writeInt32BE(2 ** 30, 57), "1073741824 records"],
  ["fewer records than it holds", (b: Buffer) => b.writeInt32BE(2, 57), "behind the records"],
  ["a negative count", (b: Buffer) => b.writeInt32BE(-5, 57), "-5 records"],
  ["an unknown compression", (b: Buffer) => b.writeInt16BE(7, 21), "compression 7"],
  ["an offset beyond 2^53", (b: Buffer) => b.writeBigInt64BE(2n ** 60n, 0), "2^53"],
  ["an offset below zero", (b: Buffer) => b.writeBigInt64BE(-9n, 0), "offset -9"],
  ["a producer beyond 2^53", (b: Buffer) => b.writeBigInt64BE(2n ** 62n, 43), "2^53"],
])("%s is named", (_name, damage, message) => {
  const bad = Buffer.from(batchOf(three));
  bad.writeInt32BE(2 ** 30, 23); // so that the count is the first thing that is wrong
  damage(bad);
  bad.writeUInt32BE(crc32c(bad, 21), 17);
  expect(() => readAll(bad)).toThrow(message);
});

test("the head has the first and the highest timestamp", () => {
  const batch = batchOf(three);
  expect([batch.readBigInt64BE(27), batch.readBigInt64BE(35)]).toEqual([1_700_000_000_000n, 1_700_000_000_005n]);
});

test("a record with bytes behind its last field is refused", () => {
  const batch = batchOf([{ key: null, value: "v", timestamp: 0, headers: [] }]);
  const slack = Buffer.concat([batch, Buffer.from([0])]);
  slack.writeInt32BE(slack.length - 12, 8);
  slack[61] = (slack[61] ?? 0) + 2; // the record says that it is one byte longer
  slack.writeUInt32BE(crc32c(slack, 21), 17);
  expect(() => readAll(slack)).toThrow("whose fields do not end with it");
});

test("a small batch that makes a large one is refused", () => {
  const batch = batchOf([{ key: null, value: Buffer.alloc(2_000_000), timestamp: 0, headers: [] }], "zstd");
  expect(codeOf(() => readAll(batch, { from: 0, batchBytesMax: 1_000_000 }))).toBe("KAFKA_FORMAT");
  expect(readAll(batch)).toHaveLength(1);
});
