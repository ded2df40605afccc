/**
 * This benchmark as JavaScript, on Millrace as it is published: a process that strips types itself takes 40 MB more, and a tenth
 * of a CPU-second for each of its threads.
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ownVersion } from "../../runtime/version.ts";
import { builtPackage } from "../built-package.ts";

const here = import.meta.dirname;
const root = fileURLToPath(new URL("../..", import.meta.url));
/** Within the checkout, where its packages are found. */
const out = join(root, "out", "nexmark");

let isBuilt = false;

/** The path of a script of this folder, compiled. The first call in a process compiles all of it, in some seconds. */
export function builtScript(name: string): string {
  if (!isBuilt) build();
  isBuilt = true;
  return join(out, "bench", "nexmark", `${name}.js`);
}

/** @throws Error when it does not compile. */
function build(): void {
  rmSync(out, { recursive: true, force: true });
  const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  const { status } = spawnSync(process.execPath, [compiler, "-p", here], { stdio: "inherit" });
  if (status !== 0) throw new Error(`tsc ended with ${status}`);
  // What the compiler has made of the engine beside it, the benchmark's own imports have brought; programs get the package.
  const manifest = { name: "nexmark-benchmark", version: ownVersion(), private: true, type: "module" };
  writeFileSync(join(out, "package.json"), `${JSON.stringify(manifest)}\n`);
  mkdirSync(join(out, "node_modules"));
  symlinkSync(builtPackage(), join(out, "node_modules", "millrace"));
}
