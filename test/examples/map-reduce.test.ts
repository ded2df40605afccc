import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { printed } from "./retail.ts";

test("map-reduce counts the words of all pages of docs, each word once", { timeout: 120_000 }, () => {
  const docs = resolve(import.meta.dirname, "../../docs");
  const counts = new Map<string, number>();
  for (const name of readdirSync(docs).filter((each) => each.endsWith(".md"))) {
    for (const [word] of readFileSync(join(docs, name), "utf8")
      .toLowerCase()
      .matchAll(/\p{L}+/gu))
      counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const rows = printed("map-reduce.ts") as { readonly word: string; readonly count: number }[];
  expect(rows.length).toBe(counts.size);
  expect(counts.size).toBeGreaterThan(1000);
  for (const { word, count } of rows) expect(count, word).toBe(counts.get(word));
});
