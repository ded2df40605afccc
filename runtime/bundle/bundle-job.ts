/**
 * A program and all that it imports as one file: what `millrace submit` sends and every slot imports.
 *
 * 1. esbuild joins the user's files and pure JavaScript packages into one ES module for Node 24. Paths in it are relative
 *    to the program's package, so that the same sources give the same bytes anywhere.
 * 2. `import.meta` keeps its meaning file by file (`import-meta.ts`); what stays outside is told in `externals.ts`.
 * 3. The source map names the sources as `job:///examples/clicks.ts`; `mapped-stacks.ts` reads it when an error is shown.
 */

import { existsSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { BuildFailure, BuildOptions, BuildResult, Message } from "esbuild";
import { MillraceError } from "../../core/errors.ts";
import { BUNDLE_BYTES_MAX } from "../../core/limits.ts";
import type { BundleHash } from "../cluster-ids.ts";
import { ownVersion } from "../version.ts";
import { bundleHash, bundleHead } from "./bundle-file.ts";
import { externals } from "./externals.ts";
import { importMeta, importMetaHead, importMetaNames, withSourcePaths } from "./import-meta.ts";

export interface JobBundle {
  readonly code: Uint8Array;
  readonly hash: BundleHash;
  /** The files that it was made of, relative to the folder of the program's package.json. */
  readonly inputs: readonly string[];
}

/** @throws MillraceError BAD_JOB_MODULE with file, line and excerpt, when there is no such file or it cannot be bundled. */
export async function bundleJob(path: string): Promise<JobBundle> {
  const file = existing(path);
  const base = packageFolder(file);
  const result = await built(path, options(file, base));
  const code = Buffer.from(textOf(result, base));
  if (code.length > BUNDLE_BYTES_MAX) {
    throw new MillraceError(
      "BAD_JOB_MODULE",
      `${path} becomes a bundle of ${code.length} bytes, more than ${BUNDLE_BYTES_MAX}; read large data from files instead of importing it`,
    );
  }
  return { code, hash: bundleHash(code), inputs: Object.keys(result.metafile.inputs).sort() };
}

function existing(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() === true) return realpathSync(path);
  throw new MillraceError("BAD_JOB_MODULE", `there is no file ${path}; give the path of a job's module`);
}

/** The nearest folder above with a package.json, or the file's own: paths in the bundle are relative to it. */
function packageFolder(file: string): string {
  const own = dirname(file);
  for (let folder = own; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
    if (folder === dirname(folder)) return own;
  }
}

/** Lines before the program; the second is settled after the build and keeps its place in the source map. */
function banner(loader: string): string {
  return `${bundleHead(ownVersion())}\n${importMetaHead}${loader}`;
}

const loaderOfCommonJs =
  ' import { createRequire as __millrace_require } from "node:module"; const require = __millrace_require(import.meta.url);';

function options(file: string, base: string): BuildOptions & { readonly metafile: true; readonly write: false } {
  return {
    entryPoints: [file],
    absWorkingDir: base,
    outfile: join(base, "bundle.mjs"),
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node24",
    // Node's own conditions only: without this esbuild adds "module", and a package could come in another form.
    conditions: [],
    charset: "utf8",
    legalComments: "none",
    sourcemap: "external",
    sourcesContent: false,
    banner: { js: banner("") },
    define: { ...importMetaNames },
    plugins: [externals, importMeta(base)],
    metafile: true,
    write: false,
    logLevel: "silent",
  };
}

type Built = BuildResult<{ metafile: true; write: false }>;

async function built(path: string, settings: ReturnType<typeof options>): Promise<Built> {
  const { build } = await import("esbuild");
  try {
    return await build(settings);
  } catch (error) {
    const [first] = (error as Partial<BuildFailure>).errors ?? [];
    throw first === undefined ? error : refused(path, first);
  }
}

/** The first complaint, with the place and the line as Node shows them. */
function refused(path: string, { text, location }: Message): MillraceError {
  if (location === null) return new MillraceError("BAD_JOB_MODULE", `${path} cannot be bundled: ${text}`);
  const place = `${location.file}:${location.line}:${location.column + 1}`;
  const cause = new SyntaxError(text);
  const mark = `${" ".repeat(location.column)}${"^".repeat(Math.max(1, location.length))}`;
  cause.stack = `${location.file}:${location.line}\n${location.lineText}\n${mark}\n\nSyntaxError: ${text}`;
  return new MillraceError("BAD_JOB_MODULE", `${path} cannot be bundled: ${place}: ${text}`, { cause });
}

function textOf({ outputFiles, metafile }: Built, base: string): string {
  const map = outputFiles.find((output) => output.path.endsWith(".map"))?.text ?? "{}";
  const code = outputFiles.find((output) => output.path.endsWith(".mjs"))?.text ?? "";
  // A package in CommonJS asks for Node's modules by `require`, which an ES module does not have.
  const requires = Object.values(metafile.outputs).some(({ imports }) => imports.some(isRequire));
  const head = banner("");
  const program = withSourcePaths(code.slice(head.length), base);
  const url = `data:application/json;base64,${Buffer.from(withSources(map)).toString("base64")}`;
  return `${banner(requires ? loaderOfCommonJs : "")}${program}//# sourceMappingURL=${url}\n`;
}

function isRequire({ kind }: { readonly kind: string }): boolean {
  return kind === "require-call" || kind === "require-resolve";
}

/** "../shared/a.ts", which a URL cannot begin with, becomes "job:///up/shared/a.ts". */
function withSources(text: string): string {
  const map: { sources: string[] } = JSON.parse(text);
  const sources = map.sources.map((source) => `job:///${source.replace(/^(\.\.\/)+/, "up/")}`);
  return JSON.stringify({ ...map, sources });
}
