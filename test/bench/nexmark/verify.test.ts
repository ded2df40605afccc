/** The program that compares tables with Flink's: of what it cannot do it says why, and what to do, without a stack. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const program = resolve(import.meta.dirname, "../../../bench/nexmark/verify.ts");

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-verify-"));
  writeFileSync(join(folder, "notes.txt"), "");
});
afterAll(() => rmSync(folder, { recursive: true }));

const verify = (args: readonly string[]) => {
  const run = spawnSync(process.execPath, [program, ...args], { cwd: folder, encoding: "utf8", timeout: 60_000 });
  return { status: run.status, stdout: run.stdout, lines: run.stderr.trimEnd().split("\n") };
};

test.each([
  [["--oracle", "nothing"], /^--oracle is a folder of tables, and there is none at "nothing"; .*nexmark:oracle -- DIR/],
  [["--oracle", "notes.txt"], /^--oracle is a folder of tables, and there is none at "notes.txt"; /],
  [["--oracle", "."], /^\. has no table of any query, such as q0\.jsonl, and no manifest\.json; .*nexmark:oracle/],
  [["--oracle", ".", "--set", "20k"], /^\. has no manifest\.json, and so no sets; leave --set out$/],
  [["--set", "none"], /^there is no set "none" in .*; there are /],
  [["--queries", "q99"], /^there is no query "q99"; there are q0, /],
  [["--folder", "."], /^Unknown option '--folder'/],
])("%j is refused in a line", (args, message) => {
  expect(verify(args)).toEqual({ status: 1, stdout: "", lines: [expect.stringMatching(message)] });
});
