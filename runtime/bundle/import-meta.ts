/**
 * What `import.meta` means in a program of many files that became one.
 *
 * | written                       | in the bundle                                                                  |
 * |-------------------------------|--------------------------------------------------------------------------------|
 * | `import.meta`                 | the bundle's own, as `defineJob(import.meta, …)` needs: workers find the job by it |
 * | `import.meta.dirname`, `filename`, `url` | the source file's, on the machine that submitted it: files beside the program |
 * | `const { dirname } = import.meta` and the like | the bundle's URL, and the source file's `dirname` and `filename`   |
 * | `import.meta.main`            | `false`: what it guards does not run                                           |
 * | `__dirname`, `__filename`     | as `import.meta.dirname` and `filename`                                        |
 *
 * esbuild replaces each of them by a name, wherever the language means it (never in texts or comments), and each file that
 * may use one declares these names in front of its first line. What a file does not use is left out of the bundle, so
 * that the submitter's paths are part of the hash only where the program reads them.
 */

import { readFile } from "node:fs/promises";
import { dirname, extname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import type { Loader, Plugin } from "esbuild";

export const importMetaNames: Readonly<Record<string, string>> = {
  "import.meta": "__millrace_meta",
  "import.meta.main": "false",
  "import.meta.resolve": "__millrace_bundle.resolve",
  "import.meta.url": "__millrace_url",
  "import.meta.dirname": "__millrace_dirname",
  "import.meta.filename": "__millrace_filename",
  __dirname: "__millrace_dirname",
  __filename: "__millrace_filename",
};

/** What the bundle says before all files. */
export const importMetaHead = "const __millrace_bundle = import.meta;";

const loaders: Readonly<Record<string, Loader>> = {
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
  ".js": "js",
  ".mjs": "js",
  ".cjs": "js",
  ".jsx": "jsx",
};

export function importMeta(base: string): Plugin {
  return {
    name: "import.meta of each file",
    setup(build) {
      build.onLoad({ filter: /\.[cm]?[jt]sx?$/ }, async ({ path }) => {
        const text = await readFile(path, "utf8");
        const names = declarations(relative(base, path), text);
        if (names === "") return undefined;
        return { contents: names + text.replace(/^#!/, "//"), loader: loaders[extname(path)] ?? "js" };
      });
    },
  };
}

/**
 * On one line and without an end of line, so that the file's lines keep their numbers. The paths are names that do not
 * depend on the place, so that neither do the columns in the source map; `withSourcePaths` puts the true ones in.
 */
function declarations(path: string, text: string): string {
  if (!/\bimport\s*\.\s*meta\b|\b__(?:dirname|filename)\b/.test(text)) return "";
  const paths = fields.map((field) => `var __millrace_${field}=${JSON.stringify(`millrace-source:${field}:${path}`)};`);
  if (/\bimport\s*\.\s*meta\b/.test(text)) paths.push(`var __millrace_meta=${metaOf(text)};`);
  return paths.join("");
}

/** The bundle's code with the paths that it uses. */
export function withSourcePaths(code: string, base: string): string {
  return code.replace(/"millrace-source:(url|dirname|filename):(?:[^"\\]|\\.)*"/g, (text, field: Field) => {
    const name: string = JSON.parse(text);
    return JSON.stringify(pathField(field, join(base, name.slice(`millrace-source:${field}:`.length))));
  });
}

const fields = ["url", "dirname", "filename"] as const;

type Field = (typeof fields)[number];

function pathField(field: Field, path: string): string {
  switch (field) {
    case "url":
      return pathToFileURL(path).href;
    case "dirname":
      return dirname(path);
    case "filename":
      return path;
  }
}

/** Whether `import.meta` goes somewhere whole, other than into `defineJob`, which wants the bundle's. */
function metaOf(text: string): string {
  const others = text.replace(/\bdefineJob\s*(?:<[^()]*>)?\(\s*import\.meta\b/g, "").replace(/\bimport\.meta\./g, "");
  return /\bimport\s*\.\s*meta\b/.test(others)
    ? "{...__millrace_bundle,dirname:__millrace_dirname,filename:__millrace_filename,main:false}"
    : "__millrace_bundle";
}
