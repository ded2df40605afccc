/** The example of tests passes, as its users would run it. */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

test("the tests of an example pass with Node's own runner", { timeout: 300_000 }, () => {
  // In one process: this is no test that Node's runner has started itself.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const command = ["--test-reporter", "tap", "examples/user-sessions-tests.ts"];
  const run = spawnSync(process.execPath, command, { cwd: root, env, encoding: "utf8" });
  expect([run.status, /^# pass \d+$/m.exec(run.stdout)?.[0], run.stderr]).toEqual([0, "# pass 4", ""]);
});
