import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "../connectors/temp-folder.ts";

const folder = tempFolder();
const url = (path: string): string => new URL(`../../${path}`, import.meta.url).href;

/** Every module that the program loads, with its format, in a process of its own. */
function loadedBy(program: string, resolvesOwn: boolean): unknown {
  const source = `
    import { registerHooks } from "node:module";
    import { resolveOwnImports } from "${url("runtime/own-imports.ts")}";
    const loaded = [];
    registerHooks({
      load: (url, context, next) => {
        loaded.push([url, context.format]);
        return next(url, context);
      },
    });
    if (${resolvesOwn}) resolveOwnImports();
    ${program}
    console.log(JSON.stringify(loaded));`;
  const arguments_ = ["--input-type=module", "-e", source];
  return JSON.parse(execFileSync(process.execPath, arguments_, { cwd: folder.path, encoding: "utf8" }));
}

test("the engine's files are the same, however they are found", () => {
  const program = ["index.ts", "runtime/worker/slot-task.ts", "runtime/rest/rest-server.ts"]
    .map((path) => `await import("${url(path)}");`)
    .join("\n");
  const loaded = loadedBy(program, true);
  expect(loaded).toEqual(loadedBy(program, false));
  expect(loaded).toContainEqual([url("core/job.ts"), "module-typescript"]);
});

test("what is not the engine's is looked for as ever", () => {
  folder.write("package.json", "{}");
  folder.write("program.mts", 'import "./classic.cjs"; import "./own.mts";');
  folder.write("classic.cjs", 'require("./other");');
  folder.write("other.js", "module.exports = 1;");
  folder.write("own.mts", "export {};");
  const program = `await import(${JSON.stringify(join(folder.path, "program.mts"))});`;
  const loaded = loadedBy(program, true);
  expect(loaded).toEqual(loadedBy(program, false));
  expect(loaded).toHaveLength(4);
});
