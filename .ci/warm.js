/**
 * `npm ci` runs this as `prepare`: it makes the prepared engine, then starts the main example and stops it at its first list,
 * so that Node's compile cache holds what a start needs, and the first `npm start` of a fresh clone is as quick as any later.
 *
 * The law: it never fails an installation, prints nothing, and ends after half a minute whatever happens. Where there is
 * nothing to run or a Node too old to run it, it does nothing. JavaScript, so that an old Node can read it.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = dirname(fileURLToPath(import.meta.url));

/** A start takes a second, making the engine two. */
const timeout = 15_000;

if (Number.parseInt(process.versions.node, 10) >= 24) {
  const output = mkdtempSync(join(tmpdir(), "millrace-warm-"));
  // Each in a process of its own: a start that fails here fails again, with its message, where someone looks.
  run([join(folder, "make-engine.ts")]);
  run(["--import", new URL("./start.js", import.meta.url).href, join(folder, "first-list.js"), output]);
  rmSync(output, { recursive: true, force: true });
}

/** @param {readonly string[]} program */
function run(program) {
  spawnSync(process.execPath, program, { cwd: dirname(folder), stdio: "ignore", timeout, killSignal: "SIGKILL" });
}
