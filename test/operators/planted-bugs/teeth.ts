/**
 * `npm run test:operators:teeth [-- --bug N]`: plants one bug after the other, each in processes of its own, and runs the tests
 * that have to find it.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { plantedBugs } from "./bugs.ts";

const { values } = parseArgs({ options: { bug: { type: "string" } } });

const root = fileURLToPath(new URL("../../../", import.meta.url));
const plant = new URL("../../simulation/planted-bugs/plant.ts", import.meta.url).href;
const list = new URL("./bugs.ts", import.meta.url).href;
const vitest = fileURLToPath(new URL("vitest.mjs", import.meta.resolve("vitest/package.json")));
const TIMEOUT_MS = 300_000;
const folder = mkdtempSync(join(tmpdir(), "millrace-teeth-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

let missed = 0;
for (const [number, { name, foundBy }] of plantedBugs.entries()) {
  if (values.bug !== undefined && Number(values.bug) !== number) continue;
  const found = testsThatFail(number, foundBy);
  if (found.length === 0) missed++;
  console.log(
    `${number}. ${name}\n   ${found.length === 0 ? "NOT FOUND" : `found by "${found[0]}" and ${found.length - 1} more`}`,
  );
}
process.exitCode = missed > 0 ? 1 : 0;

/** The names of the tests of a file that fail with the bug. @throws when the run itself does. */
function testsThatFail(number: number, file: string): readonly string[] {
  const outputFile = join(folder, `${number}.json`);
  const reporter = ["--reporter", "json", "--outputFile", outputFile];
  const command = ["run", "--config", "test/vitest.config.ts", "--project", "unit", ...reporter, file];
  const { stderr } = spawnSync(process.execPath, [vitest, ...command], {
    cwd: root,
    env: {
      ...process.env,
      ...{ NODE_OPTIONS: `--import ${plant}`, MILLRACE_PLANTED_BUGS: list, MILLRACE_PLANTED_BUG: String(number) },
    },
    encoding: "utf8",
    timeout: TIMEOUT_MS,
  });
  if (!existsSync(outputFile)) throw new Error(`the tests of bug ${number} did not run:\n${stderr.slice(-1000)}`);
  const { testResults } = JSON.parse(readFileSync(outputFile, "utf8")) as Report;
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  if (results.length === 0) throw new Error(`bug ${number} keeps ${file} from being loaded`);
  return results.filter(({ status }) => status === "failed").map(({ fullName }) => fullName);
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}
