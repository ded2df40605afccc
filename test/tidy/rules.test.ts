/** Every rule of the tidy test finds what it is there to find, and leaves alone what is right. */
import { describe, expect, test } from "vitest";
import { determinismRule } from "./determinism.ts";
import { dependencyReasons, links, manifestTargets, noEmptyProject, noLeaks, shownExamples } from "./documents.ts";
import { errorCodeRule } from "./error-codes.ts";
import { layers, packageHomes } from "./layers.ts";
import { fileNames, roomReadmes, sizeRule } from "./shape.ts";
import { type Rule, readCheckout } from "./tree.ts";

type Files = Readonly<Record<string, string>>;

const check = (rule: Rule, files: Files): string[] => rule.check(new Map(Object.entries(files)));

const lines = (count: number): string => "// a line\n".repeat(count);

test("the checkout is read whole, without what git ignores", () => {
  const paths = [...readCheckout().keys()];
  expect(paths).toContain("core/errors.ts");
  expect(paths).toContain(".ci/run");
  expect(paths.filter((path) => /^(node_modules|dist|\.git)\//.test(path))).toEqual([]);
});

describe("layers", () => {
  test.each([
    ["core/a.ts", 'import { b } from "../operators/b.ts";'],
    ["core/a.ts", 'import type { B } from "../runtime/b.ts";'],
    ["core/a.ts", 'export { b } from "../connectors/b.ts";'],
    ["core/a.ts", 'export * from "../index.ts";'],
    ["core/a.ts", 'import { readFile } from "node:fs/promises";'],
    ["core/a.ts", 'import type { Logger } from "pino";'],
    ["core/a.ts", 'type T = import("kafkajs").Kafka;'],
    ["core/a.ts", 'const m = await import("../runtime/b.ts");'],
    ["core/a.ts", "const m = await import(`level`);"],
    ["core/a.ts", 'const m = require("level");'],
    ["core/a.ts", 'const url = import.meta.resolve("../runtime/b.ts");'],
    ["core/a.ts", 'import "../../elsewhere.ts";'],
    ["operators/a.ts", 'import { b } from "../runtime/b.ts";'],
    ["operators/a.ts", 'import { RecordBatch } from "apache-arrow";'],
    ["operators/a.ts", 'import { Worker } from "node:worker_threads";'],
    ["connectors/file/a.ts", 'import { b } from "../../operators/b.ts";'],
    ["connectors/file/a.ts", 'import { Kafka } from "kafkajs";'],
    ["runtime/state/a.ts", 'import { b } from "../../connectors/b.ts";'],
    ["runtime/state/a.ts", 'import Piscina from "piscina";'],
    ["runtime/state/a.ts", 'import lodash from "lodash";'],
    ["runtime/state/a.ts", 'import { z } from "@scope/unknown/deep";'],
    ["runtime/state/a.ts", 'import { run } from "millrace";'],
    ["runtime/coordinator/a.ts", 'import type { B } from "../task/b.ts";'],
    ["runtime/task/a.ts", 'import { b } from "../coordinator/b.ts";'],
    ["runtime/task/a.ts", 'import { b } from "../testing/b.ts";'],
    ["index.ts", 'export * from "./runtime/testing/index.ts";'],
    ["index.ts", 'export * from "./bench/b.ts";'],
    ["examples/a.ts", 'import { map } from "../core/map.ts";'],
    ["examples/a.ts", 'import { map } from "millrace/core/map.ts";'],
    ["examples/a.ts", 'import pino from "pino";'],
    ["bench/a.ts", 'import { b } from "../test/b.ts";'],
  ])("%s must not say: %s", (path, text) => {
    expect(check(layers, { [path]: `// first line\n${text}\n` })).toEqual([expect.stringContaining(`${path}:2: `)]);
  });

  test.each([
    ["core/a.ts", 'import { b } from "./b.ts";'],
    ["core/a.ts", 'const text = "import { b } from \'../runtime/b.ts\'"; // import "level"'],
    ["operators/ml/a.ts", 'import { RecordBatch } from "apache-arrow";\nimport { b } from "../../core/b.ts";'],
    ["connectors/kafka/a.ts", 'import { Kafka } from "kafkajs";\nimport { connect } from "node:net";'],
    ["connectors/file/a.ts", 'import { parquetRead } from "hyparquet/src/node.js";'],
    ["runtime/worker/a.ts", 'import Piscina from "piscina";\nimport { b } from "../../operators/b.ts";'],
    ["runtime/coordinator/a.ts", 'import type { Message } from "../protocol.ts";'],
    ["runtime/testing/a.ts", 'import { b } from "./b.ts";\nimport { c } from "../task/c.ts";'],
    ["index.ts", 'export { run } from "./runtime/run.ts";'],
    ["examples/a.ts", 'import { run } from "millrace";\nimport { harness } from "millrace/testing";'],
    ["bench/a.ts", 'import { b } from "../runtime/b.ts";\nimport { run } from "millrace";\nimport p from "peer";'],
    ["test/a.test.ts", 'import { b } from "../runtime/testing/b.ts";'],
  ])("%s may say: %s", (path, text) => {
    expect(check(layers, { [path]: text })).toEqual([]);
  });

  test("a dependency without a home is found, and so is a home without a dependency", () => {
    const violations = check(packageHomes, { "package.json": '{ "dependencies": { "left-pad": "1.0.0" } }' });
    expect(violations).toContain("package.json: left-pad has no home; give it one in test/tidy/layers.ts");
    expect(violations).toContain("test/tidy/layers.ts: kafkajs has a home and is no dependency");
  });
});

describe("shape", () => {
  const rule = sizeRule({ fileLines: 10, functionLines: 4, larger: {} });

  test("a long file is found", () => {
    expect(check(rule, { "core/a.ts": lines(11) })).toEqual([
      "core/a.ts:1: core/a.ts has 11 lines, more than 10; divide it",
    ]);
    expect(check(rule, { "core/a.ts": lines(10), "test/long.test.ts": lines(99) })).toEqual([]);
  });

  test.each([
    ["long", `function long() {\n${lines(3)}}\n`],
    ["long", `const long = () => {\n${lines(3)}};\n`],
    ["long", `class A {\n  long() {\n${lines(3)}  }\n}\n`],
    ["anonymous", `call(function () {\n${lines(3)}});\n`],
  ])("a long function is found: %s", (name, text) => {
    expect(check(rule, { "core/a.ts": text })).toEqual([
      expect.stringMatching(new RegExp(`core/a.ts#${name} has 5 lines`)),
    ]);
    expect(check(rule, { "core/a.ts": text.replace("// a line\n", "") })).toEqual([]);
  });

  test("an exception holds at its exact size only", () => {
    const files = { "core/a.ts": lines(12) };
    const excepted = (allowed: number): Rule => sizeRule({ ...limits, larger: { "core/a.ts": allowed } });
    const limits = { fileLines: 10, functionLines: 4 };
    expect(check(excepted(12), files)).toEqual([]);
    expect(check(excepted(11), files)).toHaveLength(1);
    expect(check(excepted(13), files)).toEqual(["test/tidy/shape.ts: core/a.ts has 12 lines now; lower its 13"]);
  });

  test("names that are not kebab-case are found", () => {
    const wrong = ["core/keyGroup.ts", "core/Key.ts", "docs/wire_format.md", "runtime/jobManager/a.ts"];
    const right = [
      "core/key-group.ts",
      "test/types/a-b.test-d.ts",
      "README.md",
      "docs/errors.md",
      "LICENSE",
      ".ci/build.ts",
    ];
    const tree = Object.fromEntries([...wrong, ...right].map((path) => [path, ""]));
    expect(check(fileNames, tree)).toEqual(wrong.map((path) => `${path}:1: is not named in kebab-case`));
  });

  test("a top folder without README.md is found", () => {
    expect(check(roomReadmes, { "core/README.md": "", "core/a.ts": "", ".ci/run": "" })).toEqual([]);
    expect(check(roomReadmes, { "core/deep/README.md": "" })).toHaveLength(1);
  });
});

describe("error codes", () => {
  const registry = 'export const errorCodes = { BAD_KEY: user("…"), TIMEOUT: user("…") } as const satisfies Codes;';
  const docs = "# Errors\n\n## BAD_KEY\n\ntext\n\n## TIMEOUT\n\ntext\n";
  const source = 'throw new MillraceError("BAD_KEY", "…");\nthrow new MillraceError("TIMEOUT", "…");';
  const files = { "core/errors.ts": registry, "docs/errors.md": docs, "core/a.ts": source };
  const rule = errorCodeRule([]);

  test("equal registry, sources and docs pass", () => {
    expect(check(rule, files)).toEqual([]);
  });

  test.each([
    'throw new MillraceError(late ? "TIMEOUT" : "BAD_KEY", "…");',
    'throw new MillraceError("BAD_KEY", "…"); const raised = { code: "TIMEOUT" };',
    'function fail(text: string, code: ErrorCode) {}\nfail("…", "TIMEOUT");\nfail("…", "BAD_KEY");',
    'class A { fail(code: ErrorCode) {} }\na.fail("TIMEOUT");\na.fail("BAD_KEY");',
    'const code: ErrorCode = late ? "TIMEOUT" : "BAD_KEY";',
    'const fail = (code: ErrorCode = "TIMEOUT") => {};\nfail("BAD_KEY");',
    'function codeOf(x: number): ErrorCode {\n  if (x > 1) return "TIMEOUT";\n  return "BAD_KEY";\n}',
  ])("codes are used by: %s", (text) => {
    expect(check(rule, { ...files, "core/a.ts": text })).toEqual([]);
  });

  test.each([
    'throw new MillraceError("BAD_KEY", "TIMEOUT");',
    'throw new MillraceError("BAD_KEY", "…"); if (error.code === "TIMEOUT") retry();',
    'throw new MillraceError("BAD_KEY", "…"); // new MillraceError("TIMEOUT")',
    'throw new MillraceError(state === "TIMEOUT" ? "BAD_KEY" : "BAD_KEY", "…");',
    'throw new MillraceError("BAD_KEY", "…"); setState("TIMEOUT");',
  ])("a code is not used by: %s", (text) => {
    expect(check(rule, { ...files, "core/a.ts": text })).toEqual([
      "core/errors.ts: nothing raises TIMEOUT; use it or remove it",
    ]);
    expect(check(errorCodeRule(["TIMEOUT"]), { ...files, "core/a.ts": text })).toEqual([]);
  });

  test("a test raising a code is no use of it", () => {
    const { "core/a.ts": moved, ...rest } = files;
    expect(check(rule, { ...rest, "test/a.test.ts": moved })).toHaveLength(2);
  });

  test("an unregistered code is found", () => {
    const text = `${source}\nthrow new MillraceError("NEW_CODE" as ErrorCode, "…");`;
    expect(check(rule, { ...files, "core/a.ts": text })).toEqual(["core/a.ts:3: NEW_CODE is not registered"]);
  });

  test("missing, foreign and doubled sections are found", () => {
    expect(check(rule, { ...files, "docs/errors.md": "## BAD_KEY\n" })).toHaveLength(1);
    expect(check(rule, { ...files, "docs/errors.md": `${docs}\n## OTHER\n` })).toHaveLength(1);
    expect(check(rule, { ...files, "docs/errors.md": `${docs}\n## TIMEOUT\n` })).toHaveLength(1);
  });

  test("a listed code that is used, or unknown, is found", () => {
    expect(check(errorCodeRule(["TIMEOUT"]), files)).toEqual([expect.stringContaining("TIMEOUT is used")]);
    expect(check(errorCodeRule(["GONE"]), files)).toEqual([expect.stringContaining("GONE is not registered")]);
  });
});

describe("determinism", () => {
  const rule = determinismRule([]);

  test.each([
    "const t = Date.now();",
    "const now = Date.now;",
    "const t = globalThis.Date.now();",
    "const d = new Date();",
    "const t = performance.now();",
    "const x = Math.random();",
    'const x = Math["random"]();',
    "setTimeout(run, 5);",
    "globalThis.setInterval(run, 5);",
    "const timers = { setTimeout };",
    "function start(schedule = setTimeout) {}",
    'import { setTimeout as sleep } from "node:timers/promises";',
    'import { performance } from "node:perf_hooks";',
  ])("%s", (text) => {
    expect(check(rule, { "runtime/task/a.ts": `\n${text}` })).toEqual([
      expect.stringContaining("runtime/task/a.ts:2: uses "),
    ]);
    expect(check(rule, { "core/a.ts": text })).toHaveLength(1);
    expect(check(rule, { "operators/a.ts": text })).toHaveLength(1);
    expect(check(rule, { "runtime/worker/a.ts": text, "connectors/a.ts": text, "examples/a.ts": text })).toEqual([]);
  });

  test.each([
    "clock.now();",
    "new Date(timestamp);",
    "timers.setTimeout(run, 5);",
    "const timers = { setTimeout: schedule };",
    "interface Timers { setTimeout(run: () => void): void }",
    "class Timers { setTimeout() {} }",
    "type Timer = ReturnType<typeof setTimeout>;",
    "// Date.now()",
    'const text = "Date.now()";',
    "Math.max(1, 2);",
  ])("passes: %s", (text) => {
    expect(check(rule, { "core/a.ts": text })).toEqual([]);
  });

  test("an exception is for one name in one file, and goes when it is not needed", () => {
    const excepted = determinismRule([{ path: "core/a.ts", name: "Date.now", reason: "a test" }]);
    expect(check(excepted, { "core/a.ts": "Date.now();" })).toEqual([]);
    expect(check(excepted, { "core/a.ts": "Date.now(); Math.random();" })).toHaveLength(1);
    expect(check(excepted, { "core/a.ts": "Date.now();", "core/b.ts": "Date.now();" })).toHaveLength(1);
    expect(check(excepted, { "core/a.ts": "" })).toEqual([
      "test/tidy/tidy.test.ts: core/a.ts needs no Date.now any more",
    ]);
  });
});

describe("documents", () => {
  // Joined here, so that this file does not hold what it forbids.
  const text = (...parts: string[]): string => parts.join("");

  test.each([
    text("see /ho", "me/someone/project"),
    text('"/wo', 'rk/place/file.ts"'),
    text("C:\\Us", "ers\\someone"),
    text("https://regi", "stry.example.com/millrace"),
    text('"resolved": "htt', 'ps://example.com/x.tgz"'),
    text("https://host/artifac", "tory/api/npm"),
  ])("a leak is found: %s", (leak) => {
    expect(check(noLeaks, { "docs/a.md": `first\n${leak}\n` })).not.toEqual([]);
    expect(check(noLeaks, { "docs/a.md": `first\n${leak}\n` })[0]).toMatch(/^docs\/a\.md:2: /);
  });

  test.each(["../work/a.ts", "runtime/worker/a.ts", "https://example.com/home/page", "the package registry. Then"])(
    "is no leak: %s",
    (right) => {
      expect(check(noLeaks, { "docs/a.md": right })).toEqual([]);
    },
  );

  test("links to missing files, folders and headings are found", () => {
    const wrong = ["[a](missing.md)", "![a](../no/picture.png)", "[a](b.md#nowhere)", "[a](#nowhere)", "[a]: gone.md"];
    const right = ["[a](b.md)", "[a](b.md#a-heading-in-code)", "[a](../core)", "[a](../core/)", "[a](https://x.org/y)"];
    const more = ["`[a](missing.md)`", "```\n[a](missing.md)\n```", "[a](mailto:a@b.c)", "[a](../)"];
    const tree = (body: string): Files => ({
      "docs/a.md": body,
      "docs/b.md": "## A heading, in `code`\n",
      "core/c.ts": "",
    });
    for (const body of wrong) expect(check(links, tree(body)), body).toHaveLength(1);
    for (const body of [...right, ...more]) expect(check(links, tree(body)), body).toEqual([]);
  });

  test("a shown program that differs from its file is found", () => {
    const shown = "# Title\n\n```ts\n// examples/a.ts\nrun();\n```\n\n```ts\nanything();\n```\n";
    expect(check(shownExamples, { "README.md": shown, "examples/a.ts": "run();\n" })).toEqual([]);
    expect(check(shownExamples, { "README.md": shown, "examples/a.ts": "// examples/a.ts\nrun();\n" })).toEqual([]);
    expect(check(shownExamples, { "README.md": shown, "examples/a.ts": "walk();\n" })).toHaveLength(1);
    expect(check(shownExamples, { "README.md": shown })).toEqual([
      "README.md:3: the program is not the content of examples/a.ts",
    ]);
  });

  test("an export or bin without its file is found", () => {
    const manifest = '{ "exports": { ".": "./index.ts" }, "bin": { "millrace": "./runtime/cli/main.ts" } }';
    expect(check(manifestTargets, { "package.json": manifest, "index.ts": "" })).toHaveLength(1);
    expect(check(manifestTargets, { "package.json": manifest })).toHaveLength(2);
  });

  test("a dependency without a reason is found, and so is a reason without a dependency", () => {
    const manifest = '{ "dependencies": { "level": "1.0.0" }, "devDependencies": { "knip": "1.0.0" } }';
    const row = "| `level` 1.0.0 | …\n";
    expect(check(dependencyReasons, { "package.json": manifest, "docs/dependencies.md": row })).toHaveLength(1);
    expect(check(dependencyReasons, { "docs/dependencies.md": row })).toHaveLength(1);
  });

  test("an empty test project is found", () => {
    const folders = [
      "core/a.test.ts",
      "types/a.test-d.ts",
      "package/a.test.ts",
      "integration/kafka/a.test.ts",
      "integration/s3/a.test.ts",
    ];
    const full = Object.fromEntries(folders.map((path) => [`test/${path}`, ""]));
    expect(check(noEmptyProject, full)).toEqual([]);
    expect(check(noEmptyProject, { "test/tidy/a.test.ts": "", "test/integration/a.test.ts": "" })).toHaveLength(5);
  });
});
