import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { bundleJob } from "../../../runtime/bundle/bundle-job.ts";
import { errorText } from "../../../runtime/cli/error-text.ts";
import { tempFolder } from "../../connectors/temp-folder.ts";

const folder = tempFolder();
const root = resolve(import.meta.dirname, "../../..");
const importer = join(import.meta.dirname, "../fixtures/import-bundle.ts");

/** Writes the files, bundles the first and gives the bundle's text. */
async function bundled(files: Readonly<Record<string, string>>) {
  const paths = Object.entries({ "package.json": '{ "type": "module" }', ...files }).map(([name, text]) =>
    folder.write(name, text),
  );
  const bundle = await bundleJob(paths[1] as string);
  return { ...bundle, text: Buffer.from(bundle.code).toString("utf8") };
}

/** What the bundle's default export is, imported far from its sources, in a process that was started in the folder. */
function imported(code: Uint8Array): unknown {
  const bundle = folder.write("data/bundles/bundle.mjs", Buffer.from(code).toString("utf8"));
  const run = spawnSync(process.execPath, [importer, bundle], { cwd: folder.path, encoding: "utf8" });
  return run.status === 0 ? JSON.parse(run.stdout) : run.stderr;
}

describe("a program becomes one file", () => {
  test("with its own files, JSON and packages; the hash is that of the bytes", async () => {
    const { code, hash, inputs } = await bundled({
      "job.ts": `import { twice } from "./lib/twice.ts"; import rates from "./rates.json" with { type: "json" };
        import { half } from "pure"; export default [twice(2) satisfies number, rates.eur, half(8)];`,
      "lib/twice.ts": "export function twice(value: number): number { return 2 * value; }",
      "rates.json": '{ "eur": 7 }',
      "node_modules/pure/package.json": '{ "name": "pure", "type": "module", "exports": "./index.js" }',
      "node_modules/pure/index.js": "export const half = (value) => value / 2;",
    });
    expect(inputs).toEqual(["job.ts", "lib/twice.ts", "node_modules/pure/index.js", "rates.json"]);
    expect(hash).toBe(createHash("sha256").update(code).digest("hex"));
    expect(imported(code)).toEqual([4, 7, 4]);
  });

  test("millrace, its entries and Node's modules stay outside", async () => {
    const { text, inputs } = await bundled({
      "job.ts": `import { defineJob } from "millrace"; import { runInThread } from "millrace/testing";
        import os from "node:os"; import fs from "fs"; export default [defineJob, runInThread, os, fs].map((each) => typeof each);`,
    });
    expect(inputs).toEqual(["job.ts"]);
    for (const name of ["millrace", "millrace/testing", "node:os", "fs"]) expect(text).toContain(`from "${name}"`);
  });

  test("what a checkout's programs import of the engine by path is millrace too, and only its entries", async () => {
    const index = JSON.stringify(join(root, "index.ts"));
    const { text, inputs } = await bundled({ "job.ts": `import { counting } from ${index}; export default counting;` });
    expect(text).toContain('import { counting } from "millrace"');
    expect(inputs).toEqual(["job.ts"]);
    const fixture = await bundleJob(join(root, "test/integration/fixtures/two-windows.ts"));
    expect(fixture.inputs).toEqual(["test/integration/fixtures/two-windows.ts"]);
    await expect(bundleJob(join(root, "test/runtime/fixtures/import-bundle.ts"))).rejects.toMatchObject({
      code: "BAD_JOB_MODULE",
      message: expect.stringContaining("is a file of Millrace itself"),
    });
  });

  test.each([
    ["a binding", { "binding.gyp": "{}" }, {}],
    ["binaries that come with it", { "prebuilds/linux-x64/native.node": "" }, {}],
    ["a loader of binaries", {}, { dependencies: { "node-gyp-build": "4" } }],
    ["packages of platforms", {}, { optionalDependencies: { "@native/linux-x64-gnu": "1" } }],
  ])("a native package stays outside: one with %s", async (what, files, manifest) => {
    const name = what.replaceAll(" ", "-");
    const own = Object.entries(files).map(([path, text]) => [`node_modules/${name}/${path}`, text]);
    const { text, code } = await bundled({
      "job.ts": `import native from "${name}"; import inner from "${name}/inner.js"; export default [native, inner];`,
      [`node_modules/${name}/package.json`]: JSON.stringify({ name, main: "index.js", ...manifest }),
      [`node_modules/${name}/index.js`]: "module.exports = 42;",
      [`node_modules/${name}/inner.js`]: "module.exports = 43;",
      ...Object.fromEntries(own),
    });
    expect(text).toContain(`from "${name}"`);
    expect(text).toContain(`from "${name}/inner.js"`);
    expect(imported(code)).toEqual([42, 43]);
  });

  test("a CommonJS package may require Node's modules, beside a `require` of the program's own", async () => {
    const { code } = await bundled({
      "job.ts": `import { createRequire } from "node:module"; import old from "old";
        const require = createRequire(import.meta.url);
        export default [old.separator, require("./node_modules/old/data.cjs")];`,
      "node_modules/old/package.json": '{ "name": "old", "main": "index.js" }',
      "node_modules/old/index.js": '"use strict"; const path = require("path"); exports.separator = path.posix.sep;',
      "node_modules/old/data.cjs": "module.exports = 5;",
    });
    expect(imported(code)).toEqual(["/", 5]);
  });
});

describe("import.meta", () => {
  test("itself is the bundle's; dirname, filename and url are the source file's; main is false", async () => {
    const { code } = await bundled({
      "job.ts": `#!/usr/bin/env node
        import { beside } from "./lib/beside.ts";
        const defineJob = (meta: ImportMeta) => meta.url;
        export default { job: defineJob(import.meta), own: [import.meta.dirname, import.meta.filename, import.meta.url],
          beside, main: import.meta.main, text: "import.meta.dirname" };`,
      "lib/beside.ts": "const { dirname, url } = import.meta; export const beside = { dirname, url, old: __dirname };",
    });
    const bundle = `file://${join(folder.path, "data/bundles/bundle.mjs")}`;
    const lib = join(folder.path, "lib");
    expect(imported(code)).toEqual({
      job: bundle,
      own: [folder.path, join(folder.path, "job.ts"), `file://${join(folder.path, "job.ts")}`],
      beside: { dirname: lib, url: bundle, old: lib },
      main: false,
      text: "import.meta.dirname",
    });
  });

  test("what import.meta.main guards does not run, and what only it uses is left out", async () => {
    const { code, text } = await bundled({
      "job.ts": `import { guarded } from "./guarded.ts"; export default 1; if (import.meta.main) await guarded();`,
      "guarded.ts": 'export function guarded() { throw new Error("must not run"); }',
    });
    expect(text).not.toContain("must not run");
    expect(imported(code)).toBe(1);
  });
});

describe("the same sources give the same bytes", () => {
  const files = {
    "job.ts": `import { defineJob } from "millrace"; import { twice } from "./twice.ts";
      export default defineJob(import.meta, "same", () => twice(1));`,
    "twice.ts": "export const unused = () => import.meta.dirname; export const twice = (value: number) => 2 * value;",
  };
  const at = (place: string) =>
    Object.fromEntries(Object.entries(files).map(([name, text]) => [`${place}/${name}`, text]));

  test("wherever they lie, and from wherever they are bundled", async () => {
    folder.write("one/package.json", "{}");
    folder.write("other/place/package.json", "{}");
    for (const [name, text] of Object.entries({ ...at("one"), ...at("other/place") })) folder.write(name, text);
    symlinkSync(join(folder.path, "one"), join(folder.path, "linked"));
    const hashes = ["one", "other/place", "linked"].map(
      async (place) => (await bundleJob(join(folder.path, place, "job.ts"))).hash,
    );
    expect(new Set(await Promise.all(hashes)).size).toBe(1);
  });

  test("and none of them names the submitter's folders", async () => {
    expect((await bundled(files)).text).not.toContain(folder.path);
  });

  test("another source gives another hash", async () => {
    const before = await bundled(files);
    const after = await bundled({ ...files, "twice.ts": "export const twice = (value: number) => 3 * value;" });
    expect(after.hash).not.toBe(before.hash);
  });
});

describe("what cannot be bundled is refused with its place", () => {
  test("an import that leads nowhere", async () => {
    const refusal = await bundled({
      "job.ts": 'const a = 1;\nimport { b } from "./gone.ts";\nexport default a + b;',
    }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "BAD_JOB_MODULE" });
    const text = errorText(refusal, { verbose: false, label: (name) => name });
    expect(text.split("\n")).toEqual([
      expect.stringMatching(
        /^error BAD_JOB_MODULE: .*job\.ts cannot be bundled: job\.ts:2:19: Could not resolve "\.\/gone\.ts"$/,
      ),
      '  cause     SyntaxError: Could not resolve "./gone.ts"',
      "            job.ts:2",
      '            import { b } from "./gone.ts";',
      "                              ^^^^^^^^^^^",
    ]);
  });

  test.each([
    ["a mistake in the syntax", { "job.ts": "const a: number =;" }, /job\.ts:1:18: Unexpected ";"/],
    [
      "a package that is not installed",
      { "job.ts": 'import "no-such-package";' },
      /job\.ts:1:8: Could not resolve "no-such-package"/,
    ],
    [
      "a name that a module does not export",
      { "job.ts": 'import { b } from "./a.ts"; export default b;', "a.ts": "export const a = 1;" },
      /job\.ts:1:10: No matching export in "a\.ts" for import "b"/,
    ],
  ])("%s", async (_what, files, message) => {
    await expect(bundled(files)).rejects.toMatchObject({
      code: "BAD_JOB_MODULE",
      message: expect.stringMatching(message),
    });
  });

  test("no file, or a folder", async () => {
    const message = expect.stringMatching(/^there is no file /);
    await expect(bundleJob(join(folder.path, "nowhere.ts"))).rejects.toMatchObject({ code: "BAD_JOB_MODULE", message });
    await expect(bundleJob(folder.path)).rejects.toMatchObject({ code: "BAD_JOB_MODULE", message });
  });

  test("a bundle beyond the limit", { timeout: 60_000 }, async () => {
    const files = { "job.ts": 'import data from "./data.json" with { type: "json" }; export default data;' };
    folder.write("data.json", JSON.stringify("x".repeat(33 * 1024 * 1024)));
    await expect(bundled(files)).rejects.toMatchObject({
      code: "BAD_JOB_MODULE",
      message: expect.stringMatching(/more than 33554432/),
    });
  });
});
