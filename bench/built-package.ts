/**
 * Millrace as it is published (see `.ci/build.ts`), and programs of a benchmark as JavaScript beside it: what they import from
 * "millrace" is the package then, in few files, and no thread strips types.
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { transformSync } from "esbuild";

const root = resolve(import.meta.dirname, "..");
/** Within the checkout, where its packages are found. */
const out = join(root, "out", "package");

/** In the environment, so that the processes that this one starts need not build it again. */
const BUILT = "MILLRACE_BENCH_PACKAGE";

/**
 * The package's folder. The first call builds it, in some ten seconds.
 *
 * @throws Error when it does not compile.
 */
export function builtPackage(): string {
  if (process.env[BUILT] !== out) buildPackage();
  process.env[BUILT] = out;
  return out;
}

/** The path of the first of the programs (without ".ts", from this folder), which may import each other and the package. */
export function onBuiltPackage(...programs: readonly [string, ...string[]]): string {
  builtPackage();
  const [first] = programs.map((program) => {
    const typed = readFileSync(join(import.meta.dirname, `${program}.ts`), "utf8");
    const { code } = transformSync(typed, { loader: "ts", target: "node24" });
    const path = join(out, "bench", `${program}.js`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, code.replaceAll(/(from "\..*)\.ts"/g, '$1.js"'));
    return path;
  });
  return String(first);
}

function buildPackage(): void {
  rmSync(out, { recursive: true, force: true });
  const { status, stderr } = spawnSync(process.execPath, [join(root, ".ci", "build.ts"), out], { encoding: "utf8" });
  if (status !== 0) throw new Error(`the package could not be built:\n${stderr}`);
}
