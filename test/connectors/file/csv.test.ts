import { join } from "node:path";
import fc from "fast-check";
import { expect, expectTypeOf, test } from "vitest";
import type { BadLine } from "../../../connectors/file/bad-lines.ts";
import { csv } from "../../../connectors/file/csv.ts";
import type { CsvColumns } from "../../../connectors/file/csv-columns.ts";
import { outputTag } from "../../../core/side-output.ts";
import type { Source } from "../../../core/source.ts";
import { readAll, readSource, sourceConformance, splitsOf } from "../../conformance/source.ts";
import { tempFolder } from "../temp-folder.ts";

const folder = tempFolder();

const notes = Array.from({ length: 40 }, (_, id) => ({
  id,
  note: id % 3 === 0 ? `said "no",\r\nthen ä𝄞 ${id}` : `plain ${id}`,
}));
const notesPath = folder.write(
  "notes.csv",
  `id,note\r\n${notes.map(({ id, note }) => `${id},${quoted(note)}\r\n`).join("")}`,
);

sourceConformance("csv", () => ({
  source: csv(notesPath, { columns: { id: "number", note: "string" }, splitBytes: 60 }),
  expected: notes,
  folder: folder.path,
}));
sourceConformance("csv of nothing", () => ({
  source: csv(folder.write("empty.csv", "")),
  expected: [],
  folder: folder.path,
}));

const field = fc.oneof(
  fc.constantFrom("", "a", ",", '"', '""', "\n", "\r\n", "x\ny,z", ' "quoted" ', "ä€𝄞"),
  fc.string({ unit: "grapheme", maxLength: 8 }).filter((text) => !text.includes("\r")),
);

test.each([1, 2, 3])("what was quoted comes back by %i readers, wherever the file is divided", async (parallelism) => {
  const file = fc.record({
    records: fc.array(fc.tuple(field, field, field), { maxLength: 15 }),
    lineEnd: fc.constantFrom("\n", "\r\n"),
    mark: fc.boolean(),
    finalLineEnd: fc.boolean(),
    delimiter: fc.constantFrom(",", ";", "\t"),
    splitBytes: fc.integer({ min: 1, max: 40 }),
  });
  await fc.assert(
    fc.asyncProperty(file, async ({ records, lineEnd, mark, finalLineEnd, delimiter, splitBytes }) => {
      const lines = [["a", "b", "c"], ...records].map((fields) => fields.map(quoted).join(delimiter));
      const path = folder.write(
        "property.csv",
        (mark ? "\uFEFF" : "") + lines.join(lineEnd) + (finalLineEnd ? lineEnd : ""),
      );
      const read = await readAll(csv(path, { delimiter, splitBytes }), parallelism, [
        { turns: 1, max: 2, blockAfter: 1 },
      ]);
      const expected = records.map(([a, b, c]) => JSON.stringify({ a, b, c }));
      const given = read.flat().map((record) => JSON.stringify(record));
      expect(given.sort()).toEqual(expected.sort());
    }),
    { numRuns: 60 },
  );
});

test("splits end where records do, not at quoted line breaks", async () => {
  const path = folder.write("breaks.csv", 'a,b\n1,"x\ny\nz"\n2,w\n');
  expect(await splitsOf(csv(path, { splitBytes: 4 }), 1)).toEqual([
    { path, start: 4, end: 14, header: ["a", "b"] },
    { path, start: 14, end: 18, header: ["a", "b"] },
  ]);
});

test("columns choose fields and their types, which the record's type follows", async () => {
  const path = folder.write(
    "typed.csv",
    "when,price,sold,name,unused\n2024-02-29,1.5e3,true,Tee,x\n2024-02-29 12:00:00,,FALSE,,x\n,-7,,Ei,x\n2024-02-29T12:00+02:00,.5,1,,x\n",
  );
  const source = csv(path, { columns: { name: "string", price: "number", sold: "boolean", when: "date" } });
  type Row = {
    readonly name: string;
    readonly price: number | null;
    readonly sold: boolean | null;
    readonly when: Date | null;
  };
  expectTypeOf(source).toExtend<Source<Row>>();
  expect((await readSource(source)).records).toEqual([
    { name: "Tee", price: 1500, sold: true, when: new Date("2024-02-29T00:00:00Z") },
    { name: "", price: null, sold: false, when: new Date("2024-02-29T12:00:00Z") },
    { name: "Ei", price: -7, sold: null, when: null },
    { name: "", price: 0.5, sold: true, when: new Date("2024-02-29T10:00:00Z") },
  ]);
});

test("without columns every field is a string", async () => {
  const source = csv(folder.write("strings.csv", "a;b\n1;\n"), { delimiter: ";" });
  expectTypeOf(source).toExtend<Source<Readonly<Record<string, string>>>>();
  expect((await readSource(source)).records).toEqual([{ a: "1", b: "" }]);
});

test("without a header the columns are the fields in their order", async () => {
  const source = csv(folder.write("bare.csv", "\uFEFF1,x\n2,y"), {
    header: false,
    columns: { id: "number", name: "string" },
  });
  expect((await readSource(source)).records).toEqual([
    { id: 1, name: "x" },
    { id: 2, name: "y" },
  ]);
});

test("positionField adds the byte offset of each record", async () => {
  const source = csv(folder.write("position.csv", 'a\n"x\ny"\n\nz\n'), { positionField: "at" });
  expect((await readSource(source)).records).toEqual([
    { a: "x\ny", at: 2 },
    { a: "z", at: 9 },
  ]);
});

test.each([
  ["too few fields", "1", "expected 2 fields, got 1"],
  ["too many fields", "1,2,3", "expected 2 fields, got 3"],
  ["no number", "one,2", 'column "id" expected a number, got "one"'],
  ["a hexadecimal number", "0x10,2", 'column "id" expected a number, got "0x10"'],
  ["a blank number", '" ",2', 'column "id" expected a number, got " "'],
  ["no date", "1,yesterday", 'column "day" expected an ISO 8601 date, got "yesterday"'],
  ["a day that does not exist", "1,2024-13-01", 'column "day" expected an ISO 8601 date'],
  ["text behind a closing quote", '"1"2,', "field 1 goes on after its closing quote"],
])("%s makes a bad line, and the next one is read", async (_what, line, error) => {
  const path = folder.write("bad.csv", `id,day\n${line}\n7,2024-01-01\n`);
  const badLines = outputTag<BadLine>("bad");
  const { records, context } = await readSource(csv(path, { columns: { id: "number", day: "date" }, badLines }));
  expect(records).toEqual([{ id: 7, day: new Date("2024-01-01") }]);
  expect(context.reported.counters.get("badLines")).toBe(1);
  expect(context.reported.side).toMatchObject([
    { value: { path, byteOffset: 7, line, error: expect.stringContaining(error) } },
  ]);
});

test.each([1, 10, 1000])(
  "a quote that is never closed costs its own line only, with splits of %i bytes",
  async (splitBytes) => {
    const rest = Array.from({ length: 50 }, (_, index) => `${index},ok\n`).join("");
    const path = folder.write("stray.csv", `id,note\n1,fine\n2,"oops\n${rest}`);
    for (const recordBytesMax of [100, 1_000_000]) {
      const { records, context } = await readSource(csv(path, { splitBytes, recordBytesMax }));
      expect(records.length).toBe(51);
      expect(context.reported.counters.get("badLines")).toBe(1);
    }
  },
);

test.each([1, 1000])("a record above recordBytesMax is a bad line, with splits of %i bytes", async (splitBytes) => {
  const path = folder.write("too-long.csv", `a\n${"x".repeat(300_000)}\nb\n"${"y\n".repeat(10)}"\n`);
  const { records, context } = await readSource(csv(path, { splitBytes, recordBytesMax: 1000 }));
  expect(records).toEqual([{ a: "b" }, { a: "y\n".repeat(10) }]);
  expect(context.reported.counters.get("badLines")).toBe(1);
});

test("with an empty quote, quotes are content", async () => {
  const source = csv(folder.write("inches.tsv", 'size\tname\n5"\t"Tee\n'), { delimiter: "\t", quote: "" });
  expect((await readSource(source)).records).toEqual([{ size: '5"', name: '"Tee' }]);
});

test("a folder's .csv and .tsv files may have their columns in different orders", async () => {
  folder.write("orders/a.csv", "id,name\n1,x\n");
  folder.write("orders/b.csv", "name,id\ny,2\n");
  const source = csv(join(folder.path, "orders"), { columns: { id: "number", name: "string" } });
  expect((await readSource(source)).records).toEqual([
    { id: 1, name: "x" },
    { id: 2, name: "y" },
  ]);
});

test.each<[string, CsvColumns, RegExp]>([
  ["a,b\n", { c: "string" }, /has no column "c"; it has "a", "b"/],
  ["a,b,a\n", { a: "string" }, /has two columns of the name "a"/],
  ['"a,b\n', { a: "string" }, /has no readable header: a quoted field does not end/],
])("the header %j does not give the columns %j", async (content, columns, message) => {
  const path = folder.write("header.csv", content);
  const reading = readSource(csv(path, { columns }));
  await expect(reading).rejects.toMatchObject({ code: "INPUT_FORMAT", message: expect.stringContaining(path) });
  await expect(reading).rejects.toThrow(message);
});

test("options that make no sense are refused", () => {
  expect(() => csv("a.csv", { header: false })).toThrow(/without a header expects the option columns/);
  expect(() => csv("a.csv", { delimiter: "::" })).toThrow(/one ASCII character each/);
  expect(() => csv("a.csv", { delimiter: '"' })).toThrow(/to differ/);
  // @ts-expect-error: there is no such type
  expect(() => csv("a.csv", { columns: { a: "integer" } })).toThrow(/not "integer" \(column "a"\)/);
});

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
