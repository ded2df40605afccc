/** The engine that an installation prepares for `npm start` (`.ci/prepared-engine.ts`), in a checkout of its own. */

import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { tempFolder } from "../connectors/temp-folder.ts";
import { type Loads, loadsOf, packagesOf } from "./loads.ts";

const root = resolve(import.meta.dirname, "../..");
const folder = tempFolder();
const checkout = join(folder.path, "checkout");
const rooms = ["core", "operators", "runtime", "connectors"];
const papers = [".ci", "index.ts", "package.json", "package-lock.json", ...rooms];

/** Copied, so that a test can change it; all others are links. */
const ownPackage = "hyparquet";

beforeAll(() => {
  const packages = join(checkout, "node_modules");
  mkdirSync(packages, { recursive: true });
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name.startsWith(".")) continue;
    const installed = join(root, "node_modules", name);
    if (name === ownPackage) cpSync(installed, join(packages, name), { recursive: true });
    else symlinkSync(installed, join(packages, name));
  }
  for (const name of papers) cpSync(join(root, name), join(checkout, name), { recursive: true });
  cpSync(join(import.meta.dirname, "fixtures/sums.ts"), join(checkout, "sums.ts"));
  prepare();
});

beforeEach(() => {
  if (!isPrepared(start())) prepare();
});

function prepare(): void {
  const { stderr } = spawnSync(process.execPath, [".ci/make-engine.ts"], { cwd: checkout, encoding: "utf8" });
  expect(stderr).toBe("");
}

function start(program = "sums.ts", where = checkout): Loads {
  return loadsOf(where, join(folder.path, "loads"), ["--import", "./.ci/start.js", program]);
}

/** Whether no source of the engine was loaded, in any thread; and else, whether only sources were. */
function isPrepared({ threads }: Loads): boolean {
  const sources = threads.map(
    (paths) => paths.filter((path) => rooms.includes(path.split("/", 1)[0] as string)).length,
  );
  expect(sources.every((count) => count > 20) || sources.every((count) => count === 0)).toBe(true);
  return sources[0] === 0;
}

test("every thread loads few files of the prepared engine, no source of it, and no package that a start can do without", () => {
  const loads = start();
  expect(loads.stdout).toBe("[2,4,6]\n");
  expect(isPrepared(loads)).toBe(true);
  expect(loads.threads).toHaveLength(3);
  for (const paths of loads.threads) {
    expect(paths.length).toBeLessThanOrEqual(45);
    // Of piscina, the file that its threads begin with.
    expect(packagesOf(paths.filter((path) => !path.startsWith("node_modules/.cache/")))).toEqual(
      paths === loads.threads[0] ? [] : ["piscina"],
    );
  }
});

test.each([
  "core/limits.ts",
  "runtime/worker/slot-task.ts",
  ".ci/make-engine.ts",
  "package-lock.json",
  `node_modules/${ownPackage}/src/snappy.js`,
])("one more space in %s, and the sources run until it is prepared anew", (path) => {
  appendFileSync(join(checkout, path), " ");
  const changed = start();
  expect([changed.stdout, isPrepared(changed)]).toEqual(["[2,4,6]\n", false]);
  prepare();
  expect(isPrepared(start())).toBe(true);
});

test("without a file that went into it, or somewhere else than where it was made, the sources run", () => {
  const moved = join(folder.path, "moved");
  renameSync(checkout, moved);
  const there = start("sums.ts", moved);
  renameSync(moved, checkout);
  expect([there.stdout, isPrepared(there)]).toEqual(["[2,4,6]\n", false]);
  rmSync(join(checkout, "node_modules", ownPackage), { recursive: true });
  const without = start();
  cpSync(join(root, "node_modules", ownPackage), join(checkout, "node_modules", ownPackage), { recursive: true });
  expect([without.stdout, isPrepared(without)]).toEqual(["[2,4,6]\n", false]);
});

test("programs have the Arrow of the engine", () => {
  const program = `
    import { RecordBatch, tableFromArrays } from "apache-arrow";
    import { collectTo, defineJob, fromArray, run } from "millrace";
    const job = defineJob(import.meta, "arrow", (env) => {
      env
        .from(fromArray([{ n: 1 }, { n: 2 }]))
        .mapBatches("sevens", {
          schema: { n: "float64" },
          process: (batch) => (batch instanceof RecordBatch ? tableFromArrays({ m: [7] }).batches[0] : [{ m: 0 }]),
        })
        .to(collectTo("out"));
    });
    export default job;
    if (import.meta.main) {
      const handle = await run(job);
      await handle.result;
      console.log(JSON.stringify(handle.collect("out")));
    }`;
  folder.write("checkout/arrow.ts", program);
  const loads = start("arrow.ts");
  expect([loads.stdout, loads.stderr, isPrepared(loads)]).toEqual(['[{"m":7},{"m":7}]\n', "", true]);
});

test("a source that is part of it cannot be loaded beside it", () => {
  folder.write("checkout/twice.ts", 'import "./core/errors.ts"; import "millrace";');
  expect(start("twice.ts").stderr).toContain("core/errors.ts is part of the prepared engine");
});
