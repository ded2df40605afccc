import { expect, test } from "vitest";
import { printed, readSales } from "./retail.ts";

test("word-count counts the words of all names, each word once", { timeout: 120_000 }, async () => {
  const counts = new Map<string, number>();
  for (const { description } of await readSales()) {
    const words = (description ?? "").toLowerCase().split(/[^a-z]+/);
    for (const word of words.filter(Boolean)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const rows = printed("word-count.ts") as { readonly word: string; readonly count: number }[];
  expect(rows.length).toBeGreaterThan(20);
  expect(rows.map(({ word }) => word).toSorted()).toEqual(
    [...counts.keys()].filter((word) => (counts.get(word) as number) >= 5000).toSorted(),
  );
  for (const { word, count } of rows) expect(count, word).toBe(counts.get(word));
});
