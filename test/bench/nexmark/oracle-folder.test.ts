/** Folders that a harness for Flink wrote: what they say of their events, and that a damaged one is told of by its file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { folderOracle } from "../../../bench/nexmark/verify/oracle.ts";
import { inputIn, linesIn, manifestIn } from "../../../bench/nexmark/verify/oracle-folder.ts";

const input = { events: 5, tps: 8, seed: 7, baseTime: 9, generators: 2 };
const { generators: parallelism, ...ofSet } = input;
const set = { ...ofSet, parallelism, files: { "q0.jsonl": { rows: 1, sha256: "" } } };

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-folder-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (name: string, data: unknown): void =>
  writeFileSync(join(folder, name), typeof data === "string" || Buffer.isBuffer(data) ? data : JSON.stringify(data));

test("lines are read as they are, or packed", () => {
  write("q0.jsonl", "a\nb\n");
  write("q1.jsonl.gz", gzipSync("c\n"));
  expect(["q0.jsonl", "q1.jsonl", "q2.jsonl"].map((name) => linesIn(folder, name))).toEqual([
    ["a", "b"],
    ["c"],
    undefined,
  ]);
});

test("of what the events were made says input.json, or the manifest beside the folder", () => {
  const tables = join(folder, "some");
  mkdirSync(tables);
  expect(inputIn(tables)).toBeUndefined();
  write("manifest.json", { some: set });
  expect(inputIn(tables)).toEqual(input);
  write("some/input.json", { ...input, seed: 8 });
  expect(inputIn(tables)).toEqual({ ...input, seed: 8 });
});

test("a file that is damaged is named", () => {
  write("q1.jsonl.gz", gzipSync("c".repeat(100)).subarray(0, 12));
  expect(() => linesIn(folder, "q1.jsonl")).toThrow(/q1\.jsonl\.gz cannot be read: /);
  write("input.json", '{"events":');
  expect(() => inputIn(folder)).toThrow(/input\.json cannot be read: /);
  write("input.json", { ...input, tps: "8" });
  expect(() => inputIn(folder)).toThrow(/input\.json lacks the number "tps"/);
  write("manifest.json", { some: { ...set, seed: undefined } });
  expect(() => manifestIn(folder)).toThrow(/manifest\.json of some lacks the number "seed"/);
});

test("a folder without a table is refused", () => {
  expect(() => folderOracle(folder, input)).toThrow(/has no table of any query/);
});
