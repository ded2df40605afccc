import { mkdirSync, symlinkSync, truncateSync } from "node:fs";
import { join, relative } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { BadLine } from "../../../connectors/file/bad-lines.ts";
import { type JsonlOptions, jsonl } from "../../../connectors/file/jsonl.ts";
import { outputTag } from "../../../core/side-output.ts";
import { enumeratorContext, readAll, readSource, sourceConformance, splitsOf } from "../../conformance/source.ts";
import { fakeContext } from "../fake-context.ts";
import { tempFolder } from "../temp-folder.ts";

const folder = tempFolder();

const clicks = Array.from({ length: 40 }, (_, id) => ({ id, item: "ä€𝄞".repeat(id % 4) }));
const clicksPath = folder.write("clicks.jsonl", clicks.map((click) => `${JSON.stringify(click)}\n`).join(""));
const arrayPath = folder.write("array.json", JSON.stringify(clicks, undefined, 2));

sourceConformance("jsonl", () => ({
  source: jsonl(clicksPath, { splitBytes: 100 }),
  expected: clicks,
  folder: folder.path,
}));
sourceConformance("jsonl of an array", () => ({ source: jsonl(arrayPath), expected: clicks, folder: folder.path }));
sourceConformance("jsonl of nothing", () => ({
  source: jsonl(folder.write("empty.jsonl", "")),
  expected: [],
  folder: folder.path,
}));

const line = fc.oneof(
  fc.record({ kind: fc.constant("value" as const), value: fc.jsonValue() }),
  fc.constant({ kind: "blank" as const, value: undefined }),
  fc.record({
    kind: fc.constant("value" as const),
    value: fc.string({ unit: "binary", maxLength: 20 }).filter((text) => text.isWellFormed()),
  }),
);

test.each([1, 2, 3])("every line is read once by %i readers, wherever the file is divided", async (parallelism) => {
  const file = fc.record({
    lines: fc.array(fc.tuple(line, fc.constantFrom("\n", "\r\n")), { maxLength: 20 }),
    mark: fc.boolean(),
    finalLineEnd: fc.boolean(),
    splitBytes: fc.integer({ min: 1, max: 40 }),
  });
  await fc.assert(
    fc.asyncProperty(file, async ({ lines, mark, finalLineEnd, splitBytes }) => {
      const text = lines
        .map(([{ kind, value }, end]) => (kind === "blank" ? "  " : JSON.stringify(value)) + end)
        .join("");
      const content = finalLineEnd ? text : text.replace(/\r?\n$/, "");
      const path = folder.write("property.jsonl", (mark ? "\uFEFF" : "") + content);
      const source = jsonl<unknown>(path, { splitBytes, layout: "lines" });
      const read = await readAll(source, parallelism, [{ turns: 1, max: 3, blockAfter: 2 }]);
      const expected = lines.flatMap(([{ kind, value }]) => (kind === "value" ? [JSON.stringify(value)] : []));
      expect(
        read
          .flat()
          .map((value) => JSON.stringify(value))
          .sort(),
      ).toEqual(expected.sort());
    }),
    { numRuns: 60 },
  );
});

test("a split size of one byte reads each line once", async () => {
  const { records } = await readSource(jsonl(clicksPath, { splitBytes: 1 }));
  expect(records).toEqual(clicks);
});

test("a bad line is counted, routed and warned of, and the lines around it are read", async () => {
  const badLines = outputTag<BadLine>("bad");
  const path = folder.write("bad.jsonl", '{"a":1}\nnot json\n{"a":2}\n{"a":\n{"a":3}\n');
  const { records, context } = await readSource(jsonl(path, { badLines }));
  expect(records).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
  expect(context.reported.counters.get("badLines")).toBe(2);
  expect(context.reported.side).toMatchObject([
    { tag: "bad", value: { path, byteOffset: 8, line: "not json" } },
    { tag: "bad", value: { path, byteOffset: 25, line: '{"a":' } },
  ]);
  expect(context.reported.logs).toMatchObject([{ level: "warn", fields: { path, byteOffset: 8 } }]);
});

test("a bad line is shown by its first KiB", async () => {
  const path = folder.write("long-bad.jsonl", "x".repeat(5000));
  const { context } = await readSource(jsonl(path, { badLines: outputTag<BadLine>("bad") }));
  expect(context.reported.side).toMatchObject([{ value: { line: "x".repeat(1024) } }]);
});

test('with onBadLine "fail" the first bad line ends the job and is named', async () => {
  const path = folder.write("fail.jsonl", '{"a":1}\noops\n');
  const reading = readSource(jsonl(path, { onBadLine: "fail" }));
  await expect(reading).rejects.toMatchObject({ code: "INPUT_FORMAT" });
  await expect(reading).rejects.toThrow(`${path} has a bad line at byte 8`);
});

test("bytes that are no UTF-8 make a bad line; a real U+FFFD does not", async () => {
  const path = folder.write(
    "latin1.jsonl",
    Buffer.concat([Buffer.from('"Gr\xfc\xdfe"\n', "latin1"), Buffer.from('"\uFFFD"\n')]),
  );
  const { records, context } = await readSource(jsonl(path));
  expect(records).toEqual(["\uFFFD"]);
  expect(context.reported.counters.get("badLines")).toBe(1);
});

test("a line of 50 MB is one record, though its splits are small", async () => {
  const text = "m".repeat(50 * 1024 * 1024);
  const path = folder.write("huge.jsonl", `{"id":1}\n{"text":"${text}"}\n{"id":2}\n`);
  const { records } = await readSource(jsonl<{ id?: number; text?: string }>(path));
  expect(records.map(({ id, text }) => id ?? text?.length)).toEqual([1, text.length, 2]);
});

test.each([5000, 1_000_000])("a line above lineBytesMax is a bad one, with splits of %i bytes", async (splitBytes) => {
  const path = folder.write("too-long.jsonl", `1\n"${"x".repeat(600_000)}"\n2\n"${"y".repeat(600_000)}"`);
  const { records, context } = await readSource(jsonl(path, { splitBytes, lineBytesMax: 500_000 }));
  expect(records).toEqual([1, 2]);
  expect(context.reported.counters.get("badLines")).toBe(2);
});

test("positionField adds the byte offset of each line", async () => {
  const path = folder.write("position.jsonl", '{"a":1}\r\n\n{"a":2}\n');
  expect((await readSource(jsonl(path, { positionField: "at" }))).records).toEqual([
    { a: 1, at: 0 },
    { a: 2, at: 10 },
  ]);
});

test.each([
  ["an array over several lines", '[\n {"a":1},\n {"a":2}\n]\n', [{ a: 1 }, { a: 2 }]],
  ["an array on one line", '[{"a":1},{"a":2}]', [{ a: 1 }, { a: 2 }]],
  ["an array behind a byte order mark", "\uFEFF [1, null]", [1, null]],
  ["an empty array", "[]", []],
  ["lines that are arrays", "[1,2]\n[3]\n", [[1, 2], [3]]],
])("%s is recognised", async (_what, content, expected) => {
  expect((await readSource(jsonl(folder.write("recognise.json", content)))).records).toEqual(expected);
});

test("a damaged array is an INPUT_FORMAT error that names the file", async () => {
  const path = folder.write("damaged.json", '[\n{"a":1},\n{"a":');
  await expect(readSource(jsonl(path))).rejects.toMatchObject({
    code: "INPUT_FORMAT",
    message: expect.stringContaining(path),
  });
});

test("an array above the cap is refused with what to do", async () => {
  const path = folder.write("large.json", "[\n");
  truncateSync(path, 64 * 1024 * 1024 + 1);
  const reading = readSource(jsonl(path));
  await expect(reading).rejects.toMatchObject({ code: "INPUT_FORMAT" });
  await expect(reading).rejects.toThrow("Write one value a line instead");
});

test("a folder gives its .jsonl and .ndjson files in the order of their names, a list its files in its own", async () => {
  const b = folder.write("logs/b.jsonl", "2\n");
  const a = folder.write("logs/a.ndjson", "1");
  folder.write("logs/notes.txt", "not this");
  expect((await readSource(jsonl(join(folder.path, "logs")))).records).toEqual([1, 2]);
  expect((await readSource(jsonl([b, a]))).records).toEqual([2, 1]);
});

test("a relative path starts at the working directory, and splits carry absolute ones", async () => {
  const splits = await splitsOf(jsonl(relative(process.cwd(), clicksPath)), 1);
  expect(splits).toMatchObject([{ path: clicksPath, start: 0 }]);
});

const none = join(folder.path, "none");
mkdirSync(none);
const loop = join(folder.path, "loop.jsonl");
symlinkSync("loop.jsonl", loop);

const unreadable: [what: string, path: string][] = [
  ["a file that does not exist", join(folder.path, "missing.jsonl")],
  ["a folder without a matching file", none],
  ["a link that leads to itself", loop],
  ["what is no file", "/dev/null"],
];

test.each(unreadable)(
  "%s is INPUT_UNREADABLE, before anything is read, and named by its absolute path",
  async (_what, path) => {
    const enumerating = async (): Promise<unknown> =>
      jsonl([clicksPath, relative(process.cwd(), path)]).enumerate(enumeratorContext(1));
    await expect(enumerating()).rejects.toMatchObject({
      code: "INPUT_UNREADABLE",
      message: expect.stringContaining(path),
    });
  },
);

test("a relative path begins at the job's folder, not at the process's", async () => {
  folder.write("deep/in.jsonl", "1\n");
  const context = { ...enumeratorContext(1), workingDirectory: join(folder.path, "deep") };
  const enumerator = await jsonl("in.jsonl").enumerate(context);
  expect(await enumerator.next(0)).toMatchObject({ path: join(folder.path, "deep/in.jsonl") });
  await enumerator.close?.();
});

test.each([
  ["gzip", Buffer.of(0x1f, 0x8b, 8, 0), /compressed with gzip/],
  ["UTF-16", Buffer.from('\uFEFF{"a":1}\n', "utf16le"), /encoded in UTF-16.*convert it to UTF-8/],
  ["Parquet", Buffer.from("PAR1"), /read it with parquet\(\)/],
])("a file in %s is refused", async (_what, bytes, message) => {
  const reading = readSource(jsonl(folder.write("foreign.jsonl", bytes)));
  await expect(reading).rejects.toMatchObject({ code: "INPUT_FORMAT" });
  await expect(reading).rejects.toThrow(message);
});

test("a file that is cut while it is read is an INPUT_FORMAT error, not a short stream", async () => {
  const path = folder.write("cut.jsonl", "1\n2\n3\n");
  const source = jsonl(path, { splitBytes: 2 });
  const splits = await splitsOf(source, 1);
  truncateSync(path, 2);
  const reader = source.reader(fakeContext());
  await reader.begin(splits[2] as never);
  const read = async (): Promise<void> => {
    while ((await reader.read(() => {}, 10, { blocked: false })) !== "end");
  };
  await expect(read()).rejects.toMatchObject({ code: "INPUT_FORMAT" });
  await reader.close?.();
});

test.each<[JsonlOptions, RegExp]>([
  [{ splitBytes: 0 }, /splitBytes of jsonl must be a whole number of at least 1, got 0/],
  [{ lineBytesMax: Number.NaN }, /lineBytesMax of jsonl/],
])("%j is refused", (options, message) => {
  expect(() => jsonl("a", options)).toThrow(message);
});

test("no path is refused", () => {
  expect(() => jsonl([])).toThrow(/expects a path or a list of paths/);
});
