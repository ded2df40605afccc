/** Sources of files say how large their input is, before anything is read. */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { csv, fromArray, generate, jsonl, textLines } from "../../../index.ts";
import { tempFolder } from "../temp-folder.ts";

const folder = tempFolder();

test("a file has its size, and a folder that of its files of the format", () => {
  mkdirSync(join(folder.path, "texts"));
  folder.write("texts/a.txt", "one\n");
  folder.write("texts/b.txt", "three\n");
  folder.write("texts/c.jsonl", "{}\n");
  expect(textLines("texts").sizeBytes?.(folder.path)).toBe(10);
  expect(textLines(["texts/a.txt", "texts"]).sizeBytes?.(folder.path)).toBe(14);
  expect(jsonl("texts").sizeBytes?.(folder.path)).toBe(3);
  expect(csv("texts/c.jsonl").sizeBytes?.(folder.path)).toBe(3);
});

test("what is not there has no size, and is refused by whoever reads it", () => {
  expect(textLines("nowhere").sizeBytes?.(folder.path)).toBeUndefined();
});

test("records in memory are counted; of what is made nobody knows", () => {
  expect(fromArray([1, 2, 3]).sizeBytes?.(folder.path)).toBe(300);
  expect(generate({ count: 3, record: (i) => i }).sizeBytes).toBeUndefined();
});
