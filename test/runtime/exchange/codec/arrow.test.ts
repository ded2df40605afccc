import {
  Bool,
  type Data,
  Dictionary,
  DurationSecond,
  Field,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  List,
  makeBuilder,
  makeData,
  RecordBatch,
  RecordBatchReader,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  TimestampMicrosecond,
  Uint64,
  Utf8,
  Vector,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, test } from "vitest";
import { MillraceError } from "../../../../core/errors.ts";
import { BatchDecoder, fromRecordBatch, toRecordBatch } from "../../../../runtime/exchange/codec/index.ts";
import { decode, encode, finish, newEncoder, values } from "./codec-harness.ts";

const records = Array.from({ length: 21 }, (_, index) => ({
  number: index / 3,
  flag: index % 3 === 0,
  text: `row ${index}`,
  wide: index % 2 === 0 ? "漢字😀" : "",
  big: BigInt(index) * -(2n ** 40n),
  when: new Date(1_700_000_000_000 - index),
  bytes: Uint8Array.of(index, 255),
  list: Array.from({ length: index % 4 }, (_unused, element) => element + 0.5),
  names: Array.from({ length: index % 3 }, (_unused, element) => `é${element}`),
  inner: { x: index, deeper: { y: `y${index}` } },
  nothing: null,
}));

/** Every second record with nulls in all places. */
const holey = records.map((record, index) =>
  index % 2 === 0 ? record : { ...Object.fromEntries(Object.keys(record).map((key) => [key, null])), number: index },
);

/** What Arrow's own reading gives, with its vectors and rows as plain values. */
function arrowRows(batch: RecordBatch): unknown[] {
  return batch.toArray().map((row) => plain(row.toJSON()));
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return value;
  if (value instanceof Vector) return Array.from(value, plain);
  if (value instanceof Date) return value.getTime();
  if (Array.isArray(value)) return value.map(plain);
  const fields = "toJSON" in value && typeof value.toJSON === "function" ? value.toJSON() : value;
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, plain(field)]));
}

function throughIpc(batch: RecordBatch): RecordBatch {
  const writer = new RecordBatchStreamWriter();
  writer.write(batch);
  writer.finish();
  const [again] = RecordBatchReader.from(writer.toUint8Array(true)).readAll();
  return again as RecordBatch;
}

describe.each([
  ["shared", SharedArrayBuffer],
  ["ordinary", ArrayBuffer],
] as const)("a frame in %s memory as an Arrow batch", (_name, Memory) => {
  /** Of an encoder that knows the rows' shape, so that the frame has one. */
  const frameOf = (rows: readonly unknown[]): Uint8Array => {
    const encoder = newEncoder();
    encode(rows, encoder);
    for (const row of rows) encoder.add(row, 0);
    return finish(encoder, Memory);
  };

  test.each([
    ["full", records],
    ["holey", holey],
  ])("Arrow reads the values that were sent: %s", (_rows, rows) => {
    expect(arrowRows(toRecordBatch(frameOf(rows)))).toStrictEqual(rows.map(plain));
  });

  test.each([
    ["full", records],
    ["holey", holey],
  ])("its IPC bytes can be read again: %s", (_rows, rows) => {
    expect(arrowRows(throughIpc(toRecordBatch(frameOf(rows))))).toStrictEqual(rows.map(plain));
  });

  test.each([
    ["full", records],
    ["holey", holey],
  ])("its rows come back as records: %s", (_rows, rows) => {
    const batch = toRecordBatch(frameOf(rows));
    expect([...fromRecordBatch(batch)]).toStrictEqual(rows);
    expect([...fromRecordBatch(throughIpc(batch))]).toStrictEqual(rows);
  });

  test("wraps the frame's memory without a copy", () => {
    const frame = frameOf(holey);
    const inFrame = (data: Data): boolean =>
      [data.values, data.valueOffsets, data.nullBitmap].every(
        (view) => view === undefined || view.length === 0 || view.buffer === frame.buffer,
      ) && data.children.every(inFrame);
    expect(inFrame(toRecordBatch(frame).data)).toBe(true);
  });
});

describe("what Arrow cannot say", () => {
  test("undefined and missing fields are nulls", () => {
    const batch = toRecordBatch(
      encode([
        { a: 1, b: undefined },
        { a: 2, b: "x" },
      ]),
    );
    expect(arrowRows(batch)).toStrictEqual([
      { a: 1, b: null },
      { a: 2, b: "x" },
    ]);
  });

  test("a frame of several shapes becomes one batch with all their columns", () => {
    const rows = [{ a: 1, b: "x" }, { a: 2 }, { a: null, c: true }];
    const frame = encode(rows);
    expect(arrowRows(toRecordBatch(frame)).map(withoutNulls)).toStrictEqual([{ a: 1, b: "x" }, { a: 2 }, { c: true }]);
  });

  test("a lone surrogate becomes U+FFFD", () => {
    const rows = [
      { s: "a\ud800", l: ["\ud800", "b"] },
      { s: "b", l: [] },
    ];
    expect(arrowRows(toRecordBatch(encode(rows)))).toStrictEqual([
      { s: "a\ufffd", l: ["\ufffd", "b"] },
      { s: "b", l: [] },
    ]);
  });

  test("values without a type of their own are tagged binary and come back exactly", () => {
    const rows = [{ v: [1, "a"] }, { v: [null, { x: 2n ** 70n }] }];
    expect([...fromRecordBatch(throughIpc(toRecordBatch(encode(rows))))]).toStrictEqual(rows);
  });

  test("records that are no objects are a column named value", () => {
    expect(arrowRows(toRecordBatch(encode([1, 2])))).toStrictEqual([{ value: 1 }, { value: 2 }]);
    expect(arrowRows(toRecordBatch(encode([{ a: 1 }, null])))).toStrictEqual([{ value: { a: 1 } }, { value: null }]);
    expect([...fromRecordBatch(toRecordBatch(encode([1, "x", { a: 1 }])))]).toStrictEqual([
      { value: 1 },
      { value: "x" },
      { value: { a: 1 } },
    ]);
  });

  test("empty batches, and records without fields", () => {
    expect(toRecordBatch(encode([])).numRows).toBe(0);
    expect(toRecordBatch(encode([{}, {}])).numRows).toBe(2);
  });
});

describe("any Arrow batch as records", () => {
  const batchOf = (name: string, vector: Vector): RecordBatch => {
    const field = new Field(name, vector.type, true);
    const data = makeData({
      type: new Struct([field]),
      length: vector.length,
      nullCount: 0,
      children: [vector.data[0] as Data],
    });
    return new RecordBatch(new Schema([field]), data);
  };

  test.each([
    ["Int16", vectorFromArray([1, null, -3], new Int16()), [1, null, -3]],
    ["Int32", vectorFromArray([1, 2], new Int32()), [1, 2]],
    ["Float32", vectorFromArray([0.5, null], new Float32()), [0.5, null]],
    ["Int64", vectorFromArray([1n, null], new Int64()), [1n, null]],
    ["Uint64", vectorFromArray([2n ** 63n], new Uint64()), [2n ** 63n]],
    ["Bool", vectorFromArray([true, null, false], new Bool()), [true, null, false]],
    ["Timestamp in microseconds", vectorFromArray([5, null], new TimestampMicrosecond()), [new Date(5), null]],
    ["Dictionary", vectorFromArray(["a", "b", "a"], new Dictionary(new Utf8(), new Int32())), ["a", "b", "a"]],
    [
      "List of lists",
      vectorFromArray([[[1], []], []], new List(new Field("", new List(new Field("", new Float64()))))),
      [[[1], []], []],
    ],
  ])("%s", (_name, vector, expected) => {
    expect([...fromRecordBatch(batchOf("v", vector as Vector))]).toStrictEqual(expected.map((v) => ({ v })));
  });

  test("a byte order mark at the start of a text survives, nested ones too", () => {
    const rows = [{ s: "\ufeffx", list: ["\ufeff"], inner: { s: "\ufeffy" } }];
    expect([...fromRecordBatch(toRecordBatch(encode(rows)))]).toStrictEqual(rows);
  });

  test("a sliced batch gives its own rows", () => {
    const batch = toRecordBatch(encode(records)).slice(3, 7) as RecordBatch;
    expect([...fromRecordBatch(batch)]).toStrictEqual(records.slice(3, 7));
    const withNulls = toRecordBatch(encode(holey)).slice(5, 14) as RecordBatch;
    expect([...fromRecordBatch(withNulls)]).toStrictEqual(holey.slice(5, 14));
  });

  test("a type that no record can hold is refused by name", () => {
    const builder = makeBuilder({ type: new DurationSecond() });
    builder.append(1n);
    const read = (): unknown => [...fromRecordBatch(batchOf("took", builder.finish().toVector()))];
    expect(read).toThrow(MillraceError);
    expect(read).toThrow(/"took".*Duration/);
  });
});

describe("columns", () => {
  test("are typed views over the frame", () => {
    const frame = encode([
      { n: 1, s: "a" },
      { n: 2, s: "b" },
    ]);
    const decoder = new BatchDecoder({ operator: "test" });
    decoder.bind(frame);
    const { root, rows, timestamps } = decoder.columns();
    expect([rows, root.kind, root.names]).toStrictEqual([2, "struct", ["n", "s"]]);
    expect(root.children.map((column) => [column.value(0), column.value(1)])).toStrictEqual([
      [1, 2],
      ["a", "b"],
    ]);
    expect([...timestamps]).toStrictEqual([0, 1]);
  });

  test("of several shapes leave the delivery where it was", () => {
    const rows = [{ a: 1 }, { a: 2, b: "x" }, { a: 3 }];
    const decoder = new BatchDecoder({ operator: "test" });
    decoder.bind(encode(rows));
    const { root, timestamps } = decoder.columns();
    expect(root.names).toStrictEqual(["a", "b"]);
    expect([...timestamps]).toStrictEqual([0, 1, 2]);
    const arrived: unknown[] = [];
    expect(decoder.deliver((value) => arrived.push(value), { blocked: false })).toBe(true);
    expect(arrived).toStrictEqual(rows);
    expect(values(decode(encode(rows), decoder))).toStrictEqual(rows);
  });
});

function withoutNulls(row: unknown): unknown {
  return Object.fromEntries(Object.entries(row as object).filter(([, value]) => value !== null));
}
