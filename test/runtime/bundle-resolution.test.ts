import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "../connectors/temp-folder.ts";

const folder = tempFolder();
const importer = join(import.meta.dirname, "fixtures/import-bundle.ts");

/** What importing the bundle gives, in a process that was started in the folder. */
function imported(code: string, cwd = folder.path): unknown {
  const bundle = folder.write("data/bundles/bundle.mjs", code);
  return JSON.parse(execFileSync(process.execPath, [importer, bundle], { cwd, encoding: "utf8" }));
}

test("a bundle's millrace is the process's own", () => {
  const code = `
    import { MillraceError } from "millrace";
    import { runInThread } from "millrace/testing";
    import { MillraceError as own } from ${JSON.stringify(join(import.meta.dirname, "../../core/errors.ts"))};
    export default [MillraceError === own, typeof runInThread];`;
  expect(imported(code)).toEqual([true, "function"]);
});

test("what is loaded ahead is what a bundle imports as millrace", () => {
  const module = new URL("../../runtime/bundle-resolution.ts", import.meta.url).href;
  const source = `
    import { registerHooks } from "node:module";
    import { loadMillrace } from "${module}";
    await loadMillrace();
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    const { defineJob } = await import("millrace");
    console.log(JSON.stringify([typeof defineJob, loaded]));`;
  const cwd = join(import.meta.dirname, "../..");
  const told = execFileSync(process.execPath, ["--input-type=module", "-e", source], { cwd, encoding: "utf8" });
  expect(JSON.parse(told)).toEqual(["function", []]);
});

test("other packages are found where the process was started", () => {
  folder.write("node_modules/native/package.json", '{ "name": "native", "main": "index.js" }');
  folder.write("node_modules/native/index.js", "module.exports = 42;");
  expect(imported('import native from "native"; export default native;')).toBe(42);
  const required =
    'import { createRequire } from "node:module"; export default createRequire(import.meta.url)("native");';
  expect(imported(required)).toBe(42);
});

test("or beside millrace, for instance what millrace brings itself", () => {
  const code = 'import { tableFromArrays } from "apache-arrow"; export default typeof tableFromArrays;';
  expect(imported(code)).toBe("function");
});

test("what is nowhere fails by name", () => {
  expect(imported('import "no-such-package";')).toMatchObject({
    code: "BAD_JOB_MODULE",
    message: expect.stringMatching(/imports "no-such-package".*install it there/),
  });
});
