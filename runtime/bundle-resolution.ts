/**
 * Where the imports of a bundled program lead: in a slot's thread of a worker, and in the planner's process.
 *
 * A bundle carries its own files and what they import, except `millrace`, which must be the process's own copy (two copies
 * of core are two different cores), and native packages. A bundle lies in a data folder from which nothing can be found,
 * so its bare imports are looked for where the process was started, and then beside millrace.
 */

import { registerHooks } from "node:module";
import { extname } from "node:path";
import { pathToFileURL } from "node:url";
import { MillraceError } from "../core/errors.ts";

const bundles = new Set<string>();

type Resolve = (specifier: string, context: { readonly parentURL: string }) => { readonly url: string };

/** Resolves the imports of the bundle at the file URL from now on, in this thread. REQUIRES: the URL has no symbolic links. */
export function resolveImportsOf(bundle: string): void {
  if (bundles.size === 0) {
    registerHooks({
      resolve: (specifier, context, next) =>
        context.parentURL !== undefined && bundles.has(context.parentURL) && isBare(specifier)
          ? resolveBare(specifier, (wanted, { parentURL }) => next(wanted, { ...context, parentURL }))
          : next(specifier, context),
    });
  }
  bundles.add(bundle);
}

/** Loads what every bundle imports, before there is one: the file that its import of "millrace" leads to. */
export async function loadMillrace(): Promise<void> {
  await import(new URL(`../index${extname(import.meta.filename)}`, import.meta.url).href);
}

function resolveBare(specifier: string, resolve: Resolve): { readonly url: string } {
  const own = { parentURL: import.meta.url };
  if (specifier === "millrace" || specifier.startsWith("millrace/")) return resolve(specifier, own);
  const started = { parentURL: pathToFileURL(`${process.cwd()}/bundle.mjs`).href };
  try {
    return resolve(specifier, started);
  } catch (cause) {
    if (!isNotFound(cause)) throw cause;
  }
  try {
    return resolve(specifier, own);
  } catch (cause) {
    if (!isNotFound(cause)) throw cause;
    throw new MillraceError(
      "BAD_JOB_MODULE",
      `the program imports "${specifier}", which is not part of its bundle and was not found from ${process.cwd()}; install it there, on every host with workers`,
      { cause },
    );
  }
}

function isBare(specifier: string): boolean {
  return !/^(\.{0,2}\/|node:|file:|data:)/.test(specifier);
}

function isNotFound(cause: unknown): boolean {
  const { code } = cause as { readonly code?: string };
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
}
