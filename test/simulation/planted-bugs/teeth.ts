/**
 * `npm run test:simulation:teeth [-- --bug N] [--seeds 500]`: plants one bug after the other, each in a process of its own,
 * and runs the simulation until it has found it.
 */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { plantedBugs } from "./bugs.ts";

const { values } = parseArgs({
  options: { bug: { type: "string" }, seeds: { type: "string", default: "500" } },
});

const plant = new URL("./plant.ts", import.meta.url).href;
const run = fileURLToPath(new URL("../run.ts", import.meta.url));
const undisturbedFails = "has problems when nothing goes wrong";
const TIMEOUT_MS = 3_600_000;

let missed = 0;
for (const [number, { name, job }] of plantedBugs.entries()) {
  if (values.bug !== undefined && Number(values.bug) !== number) continue;
  const jobArguments = job === undefined ? [] : ["--job", job];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", plant, run, "--first", "--seeds", values.seeds, ...jobArguments],
    { env: { ...process.env, MILLRACE_PLANTED_BUG: String(number) }, encoding: "utf8", timeout: TIMEOUT_MS },
  );
  const found = /seed (\d+) of job "([^"]+)" fails:\n\s*- ([^\n]*)/.exec(stdout);
  if (found !== null) {
    console.log(`${number}. ${name}\n   found by seed ${found[1]} of ${found[2]}: ${found[3]?.slice(0, 200)}`);
  } else if (stderr.includes(undisturbedFails)) {
    console.log(`${number}. ${name}\n   found without any fault: ${lineWith(stderr, undisturbedFails)}`);
  } else {
    missed++;
    const why = status === 0 ? `in ${values.seeds} seeds` : `: the run ended with ${status ?? "its time"}`;
    console.log(`${number}. ${name}\n   NOT FOUND ${why}\n${stderr.slice(-500)}`);
  }
}
process.exitCode = missed > 0 ? 1 : 0;

function lineWith(text: string, part: string): string {
  return (
    text
      .split("\n")
      .find((line) => line.includes(part))
      ?.slice(0, 200) ?? ""
  );
}
