/**
 * What a job that runs embedded has loaded when it ends. Loading is most of a start, and grows by one careless import; a
 * bound here is raised only together with a measurement of what the start takes then.
 */

import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "../connectors/temp-folder.ts";
import { loadsOf, packagesOf } from "./loads.ts";

const root = resolve(import.meta.dirname, "../..");
const folder = tempFolder();
const sums = join(import.meta.dirname, "fixtures/sums.ts");

test("a simple job needs one package, and its slots' threads no more than a part of the engine", () => {
  const { stdout, threads } = loadsOf(root, join(folder.path, "loads"), [sums]);
  expect(stdout).toBe("[2,4,6]\n");
  const [main = [], ...slots] = threads;
  expect(packagesOf(main)).toEqual(["piscina"]);
  expect(main.length).toBeLessThanOrEqual(155);
  expect(slots).toHaveLength(2);
  for (const slot of slots) {
    expect(packagesOf(slot)).toEqual(["piscina"]);
    expect(slot.length).toBeLessThanOrEqual(270);
    expect(slot.filter((path) => path.startsWith("operators/window/"))).toEqual(["operators/window/load-windows.ts"]);
    expect(slot.filter((path) => /^runtime\/(cli|coordinator|planner|rest|wire|testing|bundle)\//.test(path))).toEqual([
      "runtime/cli/progress.ts",
    ]);
  }
});

test("checkpoints in a folder need no further package", () => {
  const { stdout, threads } = loadsOf(root, join(folder.path, "loads"), [sums, join(folder.path, "checkpoints")]);
  expect(stdout).toBe("[2,4,6]\n");
  expect(packagesOf(threads.flat())).toEqual(["piscina"]);
});
