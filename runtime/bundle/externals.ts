/**
 * What stays outside of a bundle and is looked up where it runs:
 *
 * - `millrace` and its entries, which are the running process's own copy: two copies of core are two different cores;
 * - Node's own modules;
 * - native packages, which a file of JavaScript cannot hold: they have to be installed on every worker.
 */

import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, join, resolve, sep } from "node:path";
import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from "esbuild";

const engine = resolve(import.meta.dirname, "../..");

/** The engine's files that a program in its own checkout may import by path, and what they are called. */
const entries = new Map(
  [
    ["index", "millrace"],
    ["connectors/kafka/index", "millrace/kafka"],
    ["runtime/state-processor/index", "millrace/state"],
    ["runtime/testing/index", "millrace/testing"],
  ].map(([path, name]) => [join(engine, `${path}${extname(import.meta.filename)}`), name]),
);

const rooms = ["core", "operators", "runtime", "connectors"].map((room) => join(engine, room) + sep);

export const externals: Plugin = {
  name: "what stays outside",
  setup(build) {
    const native = new Map<string, boolean>();
    build.onResolve({ filter: /^millrace(\/|$)/ }, ({ path }) => ({ path, external: true }));
    build.onResolve({ filter: /\.node$/ }, ({ path }) => ({ path, external: true }));
    build.onResolve({ filter: /^(\.\.?)?\// }, enginesOwn);
    build.onResolve({ filter: /^[^./]/ }, (args) => nativePackage(build, args, native));
  },
};

function enginesOwn({ path, resolveDir }: OnResolveArgs): OnResolveResult | undefined {
  const file = resolve(resolveDir, path);
  const entry = entries.get(file);
  if (entry !== undefined) return { path: entry, external: true };
  if (!rooms.some((room) => file.startsWith(room))) return undefined;
  return { errors: [{ text: `"${path}" is a file of Millrace itself; import what it exports from "millrace"` }] };
}

/** Marks the lookups that this plugin asks esbuild for. */
const asked = { asked: true };

async function nativePackage(
  build: PluginBuild,
  { path, kind, resolveDir, importer, namespace, pluginData }: OnResolveArgs,
  known: Map<string, boolean>,
): Promise<OnResolveResult | undefined> {
  if (pluginData === asked || path.startsWith("node:")) return undefined;
  const found = await build.resolve(path, { kind, resolveDir, importer, namespace, pluginData: asked });
  // What is not found is reported by esbuild, which is asked once more then.
  if (found.errors.length > 0 || found.external || !found.path.includes(`${sep}node_modules${sep}`)) return undefined;
  const folder = packageFolder(found.path);
  if (folder === undefined) return undefined;
  if (!known.has(folder)) known.set(folder, isNative(folder));
  return known.get(folder) === true ? { path, external: true } : undefined;
}

/** The nearest folder above whose package.json has a name: some packages hold nameless ones, which only set the type. */
function packageFolder(file: string): string | undefined {
  for (let folder = dirname(file); folder.includes(`${sep}node_modules${sep}`); folder = dirname(folder)) {
    if (manifestOf(folder)?.name !== undefined) return folder;
  }
  return undefined;
}

interface Manifest {
  readonly name?: string;
  readonly gypfile?: boolean;
  readonly binary?: unknown;
  readonly napi?: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function manifestOf(folder: string): Manifest | undefined {
  const file = join(folder, "package.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Manifest) : undefined;
}

const loadsBinaries = /^(bindings|node-gyp-build.*|node-addon-api|prebuild-install|(@mapbox\/)?node-pre-gyp)$/;
const namesPlatform = /(^|[-/_.])(linux|darwin|win32|windows|android|freebsd)([-_.]|$)/;

function isNative(folder: string): boolean {
  const { gypfile, binary, napi, dependencies = {}, optionalDependencies = {} } = manifestOf(folder) ?? {};
  return (
    gypfile === true ||
    binary !== undefined ||
    napi !== undefined ||
    existsSync(join(folder, "binding.gyp")) ||
    existsSync(join(folder, "prebuilds")) ||
    Object.keys(dependencies).some((name) => loadsBinaries.test(name)) ||
    Object.keys(optionalDependencies).some((name) => namesPlatform.test(name))
  );
}
