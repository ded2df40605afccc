/**
 * The samples of a page of docs are true: fragments (```ts) compile together with the page's preamble, modules (```ts module)
 * by themselves, and programs (```ts program) print what stands in the ```text block behind them.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as millrace from "../../index.ts";

const root = resolve(import.meta.dirname, "../..");

/** Types that fragments use; values are those that the package exports. */
const types = ["Aggregate", "BadLine", "Change", "DataStream", "Duration", "Environment", "Job", "Sink", "Trigger"];

/** Declares the tests of a page in docs/, which has at least so many fragments and programs. */
export function testSamples(page: string, least: { readonly fragments: number; readonly programs: number }): void {
  const text = readFileSync(join(root, "docs", page), "utf8");
  const modules = modulesOf(page);
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "millrace-docs-")));
  const preamble = /^```ts preamble\n([\s\S]*?)^```$/m.exec(text)?.[1] ?? "";
  const fragments = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);
  const programs = [...text.matchAll(/^```ts program\n([\s\S]*?)^```\n\n```text\n([\s\S]*?)^```$/gm)].map(
    ([, code = "", output = ""]) => ({ code, output, name: /import\.meta, "([^"]+)"/.exec(code)?.[1] ?? "?" }),
  );

  beforeAll(() => {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules", "millrace"));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("the page has fragments and programs, and no sample of another kind", () => {
    expect(fragments.length).toBeGreaterThanOrEqual(least.fragments);
    expect(programs.length).toBeGreaterThanOrEqual(least.programs);
    const blocks = [...text.matchAll(/^```ts.*$/gm)];
    expect(blocks).toHaveLength(fragments.length + modules.length + programs.length + 1);
  });

  test("its fragments and programs compile", { timeout: 120_000 }, () => {
    writeFragments(folder, preamble, fragments);
    modules.forEach((code, at) => {
      writeFileSync(join(folder, `module-${at}.ts`), code);
    });
    for (const { code, name } of programs) writeFileSync(join(folder, `${name}.ts`), code);
    const { stdout } = compile(folder);
    // What is wrong in the checkout itself is another test's business.
    expect(stdout.split("\n").filter((line) => /^[\w -]+\.ts\(/.test(line))).toEqual([]);
    expect(stdout).not.toMatch(/^error/m);
  });

  test.each(programs)("its program $name prints what it says", { timeout: 60_000 }, ({ code, name, output }) => {
    writeFileSync(join(folder, `${name}.ts`), code);
    const run = spawnSync(process.execPath, [`${name}.ts`], { cwd: folder, encoding: "utf8", timeout: 50_000 });
    expect(run).toMatchObject({ status: 0, stderr: "", stdout: output });
  });
}

/** The modules of a page: whole programs that need something from outside to be run. */
export function modulesOf(page: string): string[] {
  const text = readFileSync(join(root, "docs", page), "utf8");
  return [...text.matchAll(/^```ts module\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);
}

function writeFragments(folder: string, preamble: string, fragments: readonly string[]): void {
  const values = Object.keys(millrace).filter((name) => !types.includes(name));
  const names = [...values, ...types.map((name) => `type ${name}`)].join(", ");
  fragments.forEach((code, at) => {
    writeFileSync(
      join(folder, `fragment-${at}.ts`),
      `import { ${names} } from "millrace";\n${preamble}\nexport async function sample() {\n${code}\n}\n`,
    );
  });
}

function compile(folder: string): { readonly stdout: string } {
  const loose = { noUnusedLocals: false, noUnusedParameters: false, declaration: false };
  const options = { noEmit: true, rootDir: "/", typeRoots: [join(root, "node_modules", "@types")], ...loose };
  const config = { extends: join(root, "tsconfig.json"), compilerOptions: options, include: ["*.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  return spawnSync(process.execPath, [compiler, "-p", folder], { cwd: folder, encoding: "utf8" });
}
