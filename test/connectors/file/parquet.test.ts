import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { expect, test } from "vitest";
import { parquet } from "../../../connectors/file/parquet.ts";
import { readSource, sourceConformance, splitsOf } from "../../conformance/source.ts";
import { tempFolder } from "../temp-folder.ts";
import { type Column, parquetBytes } from "./parquet-writer.ts";

const folder = tempFolder();
const retail = join(import.meta.dirname, "../../../examples/data/online-retail.parquet");

const rows = Array.from({ length: 60 }, (_, index) => ({
  id: BigInt(index) + 2n ** 60n,
  name: index % 7 === 0 ? null : `Größe ${index}`,
  price: index % 5 === 0 ? null : index / 4,
  ok: index % 3 === 0,
}));
const columns: readonly Column[] = [
  { name: "id", type: "INT64", values: rows.map(({ id }) => id) },
  { name: "name", type: "BYTE_ARRAY", convertedType: 0, values: rows.map(({ name }) => name) },
  { name: "price", type: "DOUBLE", values: rows.map(({ price }) => price) },
  { name: "ok", type: "BOOLEAN", values: rows.map(({ ok }) => ok) },
];

const small = folder.write("small/a.parquet", parquetBytes(columns, { pageRows: 9, groupRows: 25 }));

sourceConformance("parquet of three row groups", () => ({
  source: parquet(small, { splitRows: 7 }),
  expected: rows,
  folder: folder.path,
}));

const thousand = [...Array(1000).keys()];
const long = folder.write(
  "long.parquet",
  parquetBytes([{ name: "n", type: "INT32", values: thousand }], { pageRows: 64 }),
);
sourceConformance("parquet of one row group", () => ({
  source: parquet(long, { splitRows: 300, positionField: "row" }),
  expected: thousand.map((n) => ({ n, row: n })),
  folder: folder.path,
}));

test("the example's file is read as hyparquet itself reads it", async () => {
  const file = readFileSync(retail);
  const buffer = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
  const expected = await parquetReadObjects({ file: buffer, compressors });
  const { records } = await readSource(parquet<Record<string, unknown>>(retail, { timestamps: "date" }));
  expect(records.length).toBe(320_705);
  const difference = records.findIndex((record, at) => JSON.stringify(record) !== JSON.stringify(expected[at]));
  expect(difference).toBe(-1);
});

test("splits are dealt out in the order of the rows, and none goes across two row groups", async () => {
  expect(await splitsOf(parquet(small, { splitRows: 20 }), 2)).toEqual([
    { path: small, group: 0, start: 0, end: 20 },
    { path: small, group: 0, start: 20, end: 25 },
    { path: small, group: 1, start: 25, end: 45 },
    { path: small, group: 1, start: 45, end: 50 },
    { path: small, group: 2, start: 50, end: 60 },
  ]);
});

test("`columns` chooses the record's fields and their order", async () => {
  const { records } = await readSource(parquet(small, { columns: ["price", "id"] }));
  expect(records).toEqual(rows.map(({ id, price }) => ({ price, id })));
  expect(Object.keys(records[0] as object)).toEqual(["price", "id"]);
});

test("timestamps of all units and dates are epoch milliseconds, or Dates, rounded down", async () => {
  const path = folder.write(
    "times.parquet",
    parquetBytes([
      { name: "ms", type: "INT64", convertedType: 9, values: [1500n, -1n, null] },
      { name: "us", type: "INT64", convertedType: 10, values: [1_500_999n, -1n, null] },
      { name: "day", type: "INT32", convertedType: 6, values: [1, -1, null] },
    ]),
  );
  const numbers = [
    { ms: 1500, us: 1500, day: 86_400_000 },
    { ms: -1, us: -1, day: -86_400_000 },
    { ms: null, us: null, day: null },
  ];
  expect((await readSource(parquet(path))).records).toEqual(numbers);
  const dates = numbers.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, ms]) => [name, ms === null ? null : new Date(ms)])),
  );
  expect((await readSource(parquet(path, { timestamps: "date" }))).records).toEqual(dates);
});

test("decimals are the nearest numbers, and bytes without a type stay bytes", async () => {
  const path = folder.write(
    "values.parquet",
    parquetBytes([
      { name: "amount", type: "INT32", convertedType: 5, scale: 2, values: [110, 1999, -7, null] },
      { name: "bytes", type: "BYTE_ARRAY", values: [Uint8Array.of(0xff, 0), Uint8Array.of(), null, Uint8Array.of(1)] },
    ]),
  );
  const { records } = await readSource(parquet<{ amount: number | null; bytes: Uint8Array | null }>(path));
  expect(records.map(({ amount }) => amount)).toEqual([1.1, 19.99, -0.07, null]);
  expect(records.map(({ bytes }) => bytes && [...bytes])).toEqual([[0xff, 0], [], null, [1]]);
});

const points = Array.from({ length: 30 }, (_, index) => {
  const x = index % 4 === 0 ? undefined : index % 4 === 1 ? null : index;
  return { index, point: x === undefined ? null : { x } };
});
const nested = folder.write(
  "nested.parquet",
  parquetBytes(
    [
      { name: "index", type: "INT32", values: points.map(({ index }) => index) },
      {
        name: "point",
        field: "x",
        type: "INT32",
        values: points.map(({ point }) => (point === null ? undefined : point.x)),
      },
    ],
    { pageRows: 7, groupRows: 20 },
  ),
);
sourceConformance("parquet with a nested column", () => ({
  source: parquet(nested, { splitRows: 6 }),
  expected: points,
  folder: folder.path,
}));

test("a column may have any name", async () => {
  const names = ["__proto__", 'quote"d', "a b", "constructor"];
  const path = folder.write("names.parquet", parquetBytes(names.map((name) => ({ name, type: "INT32", values: [1] }))));
  const { records } = await readSource(parquet<object>(path));
  expect(Object.entries(records[0] ?? {})).toEqual(names.map((name) => [name, 1]));
  expect(Object.getPrototypeOf(records[0])).toBe(Object.prototype);
});

test("a file without rows is an empty stream", async () => {
  const path = folder.write("no-rows.parquet", parquetBytes([{ name: "a", type: "INT32", values: [] }]));
  expect((await readSource(parquet(path))).records).toEqual([]);
});

test("a folder's files are read in the order of their names", async () => {
  for (const [name, value] of [
    ["b", 2],
    ["a", 1],
    ["c", 3],
  ] as const) {
    folder.write(`many/${name}.parquet`, parquetBytes([{ name: "n", type: "INT32", values: [value] }]));
  }
  expect((await readSource(parquet(join(folder.path, "many")))).records).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
});

const good = parquetBytes(columns, { pageRows: 9 });
const broken: [what: string, bytes: Buffer, message: RegExp][] = [
  ["no bytes", Buffer.alloc(0), /it is empty \(0 bytes\)/],
  ["another format", Buffer.from('{"json": true}\n'), /it begins with "\{\\"js", not with "PAR1"/],
  ["half a file", good.subarray(0, good.length / 2), /it is cut short: its footer is missing/],
  ["four bytes", good.subarray(0, 4), /it is cut short: its footer is missing/],
  [
    "an impossible footer length",
    patched(good, good.length - 8, [0xff, 0xff, 0xff, 0x7f]),
    /its footer claims 2147483647 bytes/,
  ],
  ["a footer of garbage", patched(good, good.length - 300, Array(200).fill(0xab)), /its footer cannot be understood/],
  ["an encrypted footer", patched(good, 0, [0x50, 0x41, 0x52, 0x45]), /it is encrypted/],
  ["a wrong checksum", parquetBytes(columns, { wrongChecksum: true }), /column "id" has a page with a wrong checksum/],
  ["pages of garbage", patched(good, 4, Array(60).fill(0xff)), /column "id" has a page/],
  [
    "an unknown codec",
    parquetBytes(columns, { codec: 3 }),
    /column "id" is compressed with LZO; supported are UNCOMPRESSED, SNAPPY/,
  ],
];

test.each(broken)("%s is an INPUT_FORMAT error that names the file", async (what, bytes, message) => {
  const path = folder.write(`broken/${what}.parquet`, bytes);
  const reading = readSource(parquet(path));
  await expect(reading).rejects.toMatchObject({ code: "INPUT_FORMAT", message: expect.stringContaining(path) });
  await expect(reading).rejects.toThrow(message);
});

test("an unknown column is refused with the names of those that are there", async () => {
  await expect(readSource(parquet(small, { columns: ["prise"] }))).rejects.toMatchObject({
    code: "INPUT_FORMAT",
    message: expect.stringContaining('has no column "prise"; it has "id", "name", "price", "ok"'),
  });
});

test("a positionField that is a column already is refused", async () => {
  await expect(readSource(parquet(small, { positionField: "id" }))).rejects.toMatchObject({ code: "BAD_OPTION" });
});

test("a damaged byte anywhere gives a named error or the row's own value, never a crash of another kind", async () => {
  for (let at = 0; at < good.length; at += 13) {
    const path = folder.write("flipped.parquet", patched(good, at, [(good[at] ?? 0) ^ 0x55]));
    const outcome = await readSource(parquet(path)).then(
      ({ records }) => records.length,
      (error: { code?: string; message: string }) => error.code ?? error.message,
    );
    expect(["INPUT_FORMAT", rows.length], `byte ${at}`).toContain(outcome);
  }
});

function patched(bytes: Buffer, at: number, with_: readonly number[]): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(with_, at);
  return copy;
}
