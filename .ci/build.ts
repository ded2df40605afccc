/**
 * Makes the package that users get: `node .ci/build.ts [folder]`, by default `dist`.
 *
 * 1. Empty the folder.
 * 2. Compile index.ts and the product rooms to JavaScript, declarations and source maps, and join the modules into few files.
 * 3. Copy what is not TypeScript in those rooms (pages, schemas), and README, LICENSE and NOTICE.
 * 4. Derive the published package.json from the one of the checkout, so that nothing is declared twice: each
 *    `./x.ts` among its exports and bins becomes `./x.js` with its `./x.d.ts`.
 *
 * The law: whatever package.json exports exists in the folder, or the build fails.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { joinModules } from "./join-modules.ts";

interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

const root = resolve(import.meta.dirname, "..");
const out = resolve(process.argv[2] ?? join(root, "dist"));
const rooms = ["core", "operators", "runtime", "connectors"];
const papers = ["README.md", "LICENSE", "NOTICE"];

const published = ["name", "version", "description", "keywords", "license", "type", "sideEffects", "engines"];

if (out !== join(root, "dist") && existsSync(out)) throw new Error(`${out} exists; the build empties only dist.`);
rmSync(out, { recursive: true, force: true });
compile();
await joinModules(out, outside());
copyAssets();
writeManifest();

function compile(): void {
  const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  const run = spawnSync(process.execPath, [compiler, "-p", root, "--outDir", out], { stdio: "inherit" });
  if (run.status !== 0) throw new Error(`tsc ended with ${run.status ?? run.signal}.`);
}

/** What users load by name. */
function outside(): string[] {
  const manifest = sourceManifest();
  const targets = [...Object.values(manifest.exports), ...Object.values(manifest.bin ?? {})];
  return targets
    .filter((target) => target.endsWith(".ts"))
    .map((target) => target.replace(/^\.\//, "").replace(/\.ts$/, ".js"));
}

function copyAssets(): void {
  for (const room of rooms) {
    const from = join(root, room);
    if (!existsSync(from)) continue;
    cpSync(from, join(out, room), { recursive: true, filter: (path) => !/(\.ts|README\.md)$/.test(path) });
  }
  for (const paper of papers) copyFileSync(join(root, paper), join(out, paper));
}

function writeManifest(): void {
  const manifest = sourceManifest();
  const entries = Object.entries(manifest.exports).map(([name, target]) => [name, publishedTarget(target)]);
  const bins = Object.entries(manifest.bin ?? {}).map(([name, target]) => [name, executable(target)]);
  const result = {
    ...Object.fromEntries(published.map((field) => [field, manifest[field]])),
    exports: Object.fromEntries(entries),
    ...(bins.length > 0 && { bin: Object.fromEntries(bins) }),
    files: readdirSync(out).sort(),
    dependencies: manifest["dependencies"],
  };
  writeFileSync(join(out, "package.json"), `${JSON.stringify(result, null, 2)}\n`);
}

function sourceManifest(): Manifest {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
}

function publishedTarget(target: string): string | { readonly types: string; readonly default: string } {
  if (!target.endsWith(".ts")) return target;
  const stem = target.slice(0, -".ts".length);
  return { types: present(`${stem}.d.ts`), default: present(`${stem}.js`) };
}

function executable(target: string): string {
  const script = present(target.replace(/\.ts$/, ".js"));
  if (!readFileSync(join(out, script), "utf8").startsWith("#!/usr/bin/env node")) {
    throw new Error(`${target} is a bin and must begin with #!/usr/bin/env node.`);
  }
  chmodSync(join(out, script), 0o755);
  return script;
}

function present(path: string): string {
  if (!existsSync(join(out, path))) throw new Error(`package.json names ${path}, which the build did not make.`);
  return path;
}
