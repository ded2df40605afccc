import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const place = realpathSync(mkdtempSync(join(tmpdir(), "millrace-warm-test-")));

afterAll(() => rmSync(place, { recursive: true, force: true }));

/** What `npm ci` runs at its end, with a compile cache of its own. */
function warm(folder: string, cache: string): ReturnType<typeof spawnSync> {
  const env = { ...process.env, NODE_COMPILE_CACHE: cache, TMPDIR: place };
  return spawnSync(process.execPath, [".ci/warm.js"], { cwd: folder, encoding: "utf8", env });
}

test("an installation fills the compile cache with all that a start needs, says nothing and leaves nothing else", () => {
  const cache = join(place, "cache");
  expect(warm(root, cache)).toMatchObject({ status: 0, stdout: "", stderr: "" });
  expect(readdirSync(place)).toEqual(["cache"]);
  const program = ["--import", "./.ci/start.js", ".ci/first-list.js", join(place, "out")];
  const env = { ...process.env, NODE_COMPILE_CACHE: cache, NODE_DEBUG_NATIVE: "COMPILE_CACHE" };
  const { stderr } = spawnSync(process.execPath, program, { cwd: root, encoding: "utf8", env });
  // Every thread takes what was compiled, and for the same flags.
  expect(stderr.match(/was accepted/g)?.length).toBeGreaterThan(50);
  expect(stderr).not.toMatch(/was rejected|not initialized because/);
}, 90_000);

test("where nothing can be run, an installation goes on as if it had been", () => {
  const folder = join(place, "empty");
  cpSync(join(root, ".ci"), join(folder, ".ci"), { recursive: true });
  expect(warm(folder, join(place, "unused"))).toMatchObject({ status: 0, stdout: "", stderr: "" });
});
