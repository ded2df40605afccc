/** Sources, docs/fault-points.md and the run that kills processes name the same fault points. */

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { kafkaPoints, overtakingPoints, points } from "./points.ts";

const root = resolve(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/fault-points.md"), "utf8");
const own = "fault-point.ts";
const sources = ["runtime", "connectors"].flatMap((room) =>
  readdirSync(join(root, room), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && name !== own)
    .map((name) => readFileSync(join(root, room, name), "utf8")),
);

/** What the calls name: their strings, as one call may choose between two. */
function named(source: string): readonly string[] {
  const calls = [...source.matchAll(/(?:faultPoint|reached)\(([^)]*)\)/g)].map(([, inside = ""]) => inside);
  return calls.flatMap((inside) => [...inside.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name));
}

test("every fault point of the sources is on the page and in the run, and no other is", () => {
  const inSources = new Set(sources.flatMap(named));
  const onPage = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = ""]) => name);
  expect(onPage.toSorted()).toEqual([...inSources].toSorted());
  expect([...points, ...overtakingPoints, ...kafkaPoints].map(({ name }) => name).toSorted()).toEqual(
    [...inSources].toSorted(),
  );
});
