/** What `npm run test:simulation:teeth` plants can be planted: the texts that it replaces stand in the sources. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { plantedBugs } from "./bugs.ts";

test.each(plantedBugs.map((planted, number) => [number, planted] as const))("bug %i can be planted", (_, { edits }) => {
  for (const { file, from, to } of edits) {
    const parts = readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8").split(from);
    expect([file, parts.length]).toEqual([file, 2]);
    expect(to).not.toBe(from);
  }
});
