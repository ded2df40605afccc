/**
 * Joins the compiled modules of the package into few files: Node takes 0.4 ms of processor time for each file it loads, and a
 * thread that runs a job loads some 260 of them.
 *
 * What is loaded from outside keeps its place: what package.json exports, the programs, and each `*-entry.js`, with which a
 * thread or process begins. All else goes into `runtime/chunks`, each module into one of them only, however many entries
 * need it; what is imported on demand stays apart. `import.meta` of a module says where its own file was, so that the paths
 * that it makes from it are right.
 */
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { build, type Plugin } from "esbuild";

const rooms = ["core", "operators", "runtime", "connectors"];

const fields = ["url", "dirname", "filename"] as const;

/** @throws Error when esbuild refuses. REQUIRES: `folder` holds the compiled tree, each module with its map. */
export async function joinModules(folder: string, exported: readonly string[]): Promise<void> {
  const modules = globSync(["*.js", ...rooms.map((room) => `${room}/**/*.js`)], { cwd: folder });
  const entries = new Set([...exported, ...modules.filter((path) => path.endsWith("-entry.js"))]);
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: [...entries],
    outdir: folder,
    outbase: folder,
    chunkNames: "runtime/chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    packages: "external",
    // Some modules are loaded for what they do.
    ignoreAnnotations: true,
    sourcemap: true,
    write: false,
    define: Object.fromEntries(fields.map((field) => [`import.meta.${field}`, `millrace_place.${field}`])),
    plugins: [placeOfEach(folder)],
    logLevel: "warning",
  });
  for (const path of modules) for (const file of [path, `${path}.map`]) rmSync(join(folder, file));
  for (const { path, text } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, withPlaces(text, folder, path));
  }
}

/** Declares in front of the first line, and without an end of line, what `import.meta` would say in the module's own file. */
function placeOfEach(folder: string): Plugin {
  return {
    name: "import.meta of each module",
    setup(plugged) {
      plugged.onLoad({ filter: /\.js$/ }, ({ path }) => {
        const text = readFileSync(path, "utf8");
        if (!/\bimport\.meta\.(url|dirname|filename)\b/.test(text)) return undefined;
        const head = `const millrace_place="millrace-place:${relative(folder, path)}";`;
        return { contents: text.startsWith("#!") ? text.replace("\n", `\n${head}`) : head + text };
      });
    },
  };
}

/** The places, as seen from the file at `path`. */
function withPlaces(text: string, folder: string, path: string): string {
  return text.replace(/"millrace-place:([^"]+)"/g, (_, place: string) => {
    const from = relative(dirname(path), join(folder, place));
    const url = `new URL(${JSON.stringify(from)}, import.meta.url)`;
    return `((url, { fileURLToPath }) => ({ url: url.href, filename: fileURLToPath(url), dirname: fileURLToPath(new URL(".", url)).slice(0, -1) }))(${url}, process.getBuiltinModule("node:url"))`;
  });
}
