/** What `npm run test:operators:teeth` plants can be planted: the texts that it replaces stand in the sources. */

import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { plantedBugs } from "./bugs.ts";

const root = new URL("../../../", import.meta.url);

test.each(plantedBugs.map((planted) => [planted.name, planted] as const))("%s", (_, { edits, foundBy }) => {
  expect(existsSync(new URL(foundBy, root))).toBe(true);
  for (const { file, from, to } of edits) {
    const parts = readFileSync(new URL(file, root), "utf8").split(from);
    expect([file, parts.length]).toEqual([file, 2]);
    expect(to).not.toBe(from);
  }
});
