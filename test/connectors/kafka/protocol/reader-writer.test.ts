import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ApiRequest } from "../../../../connectors/kafka/protocol/api.ts";
import {
  describeProducers,
  describeTransactions,
  listTransactions,
} from "../../../../connectors/kafka/protocol/describe.ts";
import { fetchRecords } from "../../../../connectors/kafka/protocol/fetch.ts";
import { findCoordinator } from "../../../../connectors/kafka/protocol/find-coordinator.ts";
import { commitOffsets, fetchOffsets } from "../../../../connectors/kafka/protocol/group-offsets.ts";
import { listOffsets } from "../../../../connectors/kafka/protocol/list-offsets.ts";
import { metadata } from "../../../../connectors/kafka/protocol/metadata.ts";
import { produce } from "../../../../connectors/kafka/protocol/produce.ts";
import { Reader } from "../../../../connectors/kafka/protocol/reader.ts";
import {
  addOffsetsToTransaction,
  addPartitionsToTransaction,
  commitOffsetsInTransaction,
  endTransaction,
  initProducerId,
} from "../../../../connectors/kafka/protocol/transactions.ts";
import { Writer } from "../../../../connectors/kafka/protocol/writer.ts";
import { MillraceError } from "../../../../core/errors.ts";

type Value =
  | { readonly is: "int8" | "int16" | "int32" | "int64"; readonly value: number }
  | { readonly is: "bool"; readonly value: boolean }
  | { readonly is: "text"; readonly value: string | null }
  | { readonly is: "bytes"; readonly value: Uint8Array }
  | { readonly is: "array"; readonly value: readonly number[] }
  | { readonly is: "end" };

const integer = (is: "int8" | "int16" | "int32", bits: number): fc.Arbitrary<Value> =>
  fc.record({ is: fc.constant(is), value: fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 }) });

const anyValue: fc.Arbitrary<Value> = fc.oneof(
  integer("int8", 8),
  integer("int16", 16),
  integer("int32", 32),
  fc.record({ is: fc.constant("int64" as const), value: fc.maxSafeInteger() }),
  fc.record({ is: fc.constant("bool" as const), value: fc.boolean() }),
  fc.record({
    is: fc.constant("text" as const),
    value: fc.option(fc.string({ unit: "grapheme", maxLength: 300 })),
  }),
  fc.record({ is: fc.constant("bytes" as const), value: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ is: fc.constant("array" as const), value: fc.array(fc.integer(), { maxLength: 200 }) }),
  fc.record({ is: fc.constant("end" as const) }),
);

function write(to: Writer, value: Value): void {
  switch (value.is) {
    case "int8":
    case "int16":
    case "int32":
    case "int64":
      to[value.is](value.value);
      break;
    case "bool":
      to.bool(value.value);
      break;
    case "text":
      to.text(value.value);
      break;
    case "bytes":
      to.bytes(Buffer.from(value.value));
      break;
    case "array":
      to.array(value.value, (item) => to.int32(item));
      break;
    case "end":
      to.end();
  }
}

function read(from: Reader, { is }: Value): Value {
  switch (is) {
    case "int8":
    case "int16":
    case "int32":
    case "int64":
      return { is, value: from[is]() };
    case "bool":
      return { is, value: from.bool() };
    case "text":
      return { is, value: from.nullableText() };
    case "bytes": {
      const { start, end } = from.bytes();
      return { is, value: new Uint8Array(from.buffer.subarray(start, end)) };
    }
    case "array":
      return { is, value: from.array(() => from.int32()) };
    case "end":
      from.end();
      return { is };
  }
}

test("what was written is read", () => {
  fc.assert(
    fc.property(fc.array(anyValue, { maxLength: 60 }), (values) => {
      const writer = new Writer();
      for (const value of values) write(writer, value);
      const reader = new Reader(Buffer.concat(writer.parts()));
      expect(values.map((value) => read(reader, value))).toEqual(values);
    }),
  );
});

test("a batch is written as it is, not copied", () => {
  const batch = Buffer.from("a record batch");
  const parts = new Writer().int32(1).bytes(batch).end().parts();
  expect(parts.filter((part) => part.buffer === batch.buffer && part.byteOffset === batch.byteOffset)).toHaveLength(1);
});

test("tagged fields that nobody knows are read over", () => {
  const reader = new Reader(Buffer.from([2, 0, 1, 9, 1, 2, 7, 7, 42]));
  const seen: number[] = [];
  reader.end((tag, field) => seen.push(tag, field.int8()));
  expect([seen, reader.int8()]).toEqual([[0, 9, 1, 7], 42]);
});

const producer = { transactionalId: "id", producerId: 4, producerEpoch: 2 };
const where = { topic: "orders", partition: 3 };
const fetching = { committedOnly: true, waitMs: 1, bytesMin: 1, bytesMax: 10, partitionBytesMax: 10 };

const requests: readonly Pick<ApiRequest<unknown>, "name" | "read">[] = [
  metadata(["orders"]),
  findCoordinator("group", "g"),
  fetchRecords([{ ...where, offset: 5, leaderEpoch: 1 }], fetching),
  produce([{ ...where, batch: Buffer.alloc(3) }], { transactionalId: null, acknowledgement: "all", waitMs: 1 }),
  listOffsets([{ ...where, at: "latest", leaderEpoch: -1 }], true),
  initProducerId("id", 1000),
  addPartitionsToTransaction(producer, [where]),
  addOffsetsToTransaction(producer, "g"),
  commitOffsetsInTransaction(producer, "g", [{ ...where, offset: 1, metadata: null }]),
  endTransaction(producer, true),
  describeTransactions(["id"]),
  listTransactions(["Ongoing"]),
  describeProducers([where]),
  commitOffsets("g", [{ ...where, offset: 1, metadata: "m" }]),
  fetchOffsets("g", [where]),
];

describe.each(requests.map((request) => [request.name, request] as const))("an answer to %s", (_name, request) => {
  test("of any bytes is read or refused by name, and never waits or exhausts the memory", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          request.read(new Reader(Buffer.from(bytes)));
        } catch (error) {
          if (!(error instanceof MillraceError)) throw error;
          expect(error.code).toBe("KAFKA_FORMAT");
        }
      }),
    );
  });
});
