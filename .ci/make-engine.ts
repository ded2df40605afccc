/**
 * `node .ci/make-engine.ts` makes the prepared engine (`prepared-engine.ts`): esbuild joins the engine with the packages
 * that every start loads. What the modules have in common is in files that they share, so that each module is there once.
 *
 * 1. Build in memory.
 * 2. Name it after the bytes that went in, unless some have changed meanwhile; write it into a folder beside.
 * 3. Give the folder its name, and remove all others.
 *
 * `import.meta` keeps its meaning file by file, so paths beside a source still lead there.
 */

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { importMeta, importMetaHead, importMetaNames, withSourcePaths } from "../runtime/bundle/import-meta.ts";
import { enginesFolder, hashOf, root } from "./prepared-engine.ts";

/** Loaded by every start of the example, and made of plain JavaScript. All other packages stay where they are. */
const joined = ["apache-arrow", "hyparquet", "hyparquet-compressors", "piscina"];

const makers = [".ci/make-engine.ts", ".ci/prepared-engine.ts", "runtime/bundle/import-meta.ts", "package-lock.json"];

/** What is imported from outside: by programs, and by the threads of an embedded run. */
const entries = ["index.ts", "runtime/worker/slot-entry.ts", "runtime/checkpoints/merge-entry.ts"];

/** A file's times may lag behind the clock by so much. */
const clockGrainMs = 20;

const { dependencies }: { readonly dependencies: Readonly<Record<string, string>> } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8"),
);

function options(): BuildOptions & { readonly metafile: true; readonly write: false } {
  return {
    absWorkingDir: root,
    // Programs and the engine have the same Arrow.
    entryPoints: [...entries, fileURLToPath(import.meta.resolve("apache-arrow"))],
    outdir: enginesFolder,
    outExtension: { ".js": ".mjs" },
    entryNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    // Node's own conditions only: without this esbuild adds "module", and a package could come in another form.
    conditions: [],
    charset: "utf8",
    legalComments: "none",
    banner: {
      js: `${importMetaHead} import { createRequire as __millrace_require } from "node:module"; const require = __millrace_require(import.meta.url);`,
    },
    define: { ...importMetaNames },
    plugins: [importMeta(root)],
    external: Object.keys(dependencies).filter((name) => !joined.includes(name)),
    metafile: true,
    write: false,
    logLevel: "silent",
  };
}

await makeEngine();

async function makeEngine(): Promise<void> {
  const begunAt = Date.now() - clockGrainMs;
  const { outputFiles, metafile } = await build(options());
  const inputs = [...new Set([...Object.keys(metafile.inputs), ...makers])].sort();
  if (inputs.some((path) => statSync(join(root, path)).ctimeMs >= begunAt))
    throw new Error("a source has just changed");
  const outputs = Object.entries(metafile.outputs);
  const substitutes = Object.fromEntries(
    outputs.flatMap(([file, { entryPoint }]) => (entryPoint === undefined ? [] : [[entryPoint, basename(file)]])),
  );
  const engine = { root, inputs, hash: hashOf(inputs), entries: substitutes };
  mkdirSync(enginesFolder, { recursive: true });
  // As readable as everything that an installation leaves.
  const made = `${enginesFolder}-${process.pid}`;
  mkdirSync(made);
  for (const { path, text } of outputFiles) writeFileSync(join(made, basename(path)), withSourcePaths(text, root));
  writeFileSync(join(made, "engine.json"), JSON.stringify(engine));
  publish(made, engine.hash);
}

function publish(made: string, hash: string): void {
  for (const old of readdirSync(enginesFolder)) rmSync(join(enginesFolder, old), { recursive: true, force: true });
  renameSync(made, resolve(enginesFolder, hash));
}
