import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

const module = new URL("../../../runtime/telemetry/pino-log.ts", import.meta.url).href;

/** What a process writes to standard error that logs a line of each level. */
function logged(options: string): readonly string[] {
  const source = `
    const { createLog } = await import("${module}");
    const log = createLog(${options});
    for (const level of ["debug", "info", "warn", "error"]) log(level, "a " + level, { job: "clicks" });`;
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", source], { encoding: "utf8" });
  return stderr.split("\n").filter((line) => line !== "");
}

test("lines of the level and above are written as JSON, others not", () => {
  const lines = logged('{ level: "warn", pretty: false }').map((line) => JSON.parse(line));
  expect(lines).toEqual([
    { level: "warn", time: expect.any(String), job: "clicks", msg: "a warn" },
    { level: "error", time: expect.any(String), job: "clicks", msg: "a error" },
  ]);
  expect(logged('{ level: "debug", pretty: false }')).toHaveLength(4);
  expect(logged('{ level: "silent" }')).toEqual([]);
});

test("on a terminal they are for people", () => {
  const [line, ...others] = logged('{ level: "error", pretty: true }');
  expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} error a error {2}job=clicks$/);
  expect(others).toEqual([]);
});
