/**
 * The file of a bundled program, as it is stored, sent and imported:
 *
 *   // millrace bundle 1, made with millrace 0.1.0
 *   const __millrace_bundle = import.meta;            (and `require`, where a CommonJS package asks for it)
 *   …the program, one ES module…
 *   //# sourceMappingURL=data:application/json;base64,…
 *
 * The same sources give the same bytes, whoever bundles them and where. The first line is read before the rest is run:
 * `millrace` itself stays outside of the bundle, so another version of it may lack what the program imports.
 */

import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { MillraceError } from "../../core/errors.ts";
import type { BundleHash } from "../cluster-ids.ts";

/** Raised when the file's form changes its meaning. */
const BUNDLE_FORM = 1;

const headForm = /^\/\/ millrace bundle (\d+), made with millrace (\S+)$/;

/** The first line is at most as long. */
const HEAD_BYTES_MAX = 256;

export function bundleHead(version: string): string {
  return `// millrace bundle ${BUNDLE_FORM}, made with millrace ${version}`;
}

export function bundleHash(code: Uint8Array): BundleHash {
  return createHash("sha256").update(code).digest("hex") as BundleHash;
}

/** @throws MillraceError BUNDLE_VERSION for what is no bundle, or one made with another major or minor version. */
export function checkBundle(path: string, version: string): void {
  if (!headForm.test(headOf(path))) {
    throw new MillraceError("BUNDLE_VERSION", `${path} is no bundled program: its first line says nothing of Millrace`);
  }
  checkBundleVersion(path, version);
}

/**
 * For what was checked to be a bundle when it was submitted: the cluster may have been upgraded since. Reads the head only.
 * @throws MillraceError BUNDLE_VERSION
 */
export function checkBundleVersion(path: string, version: string): void {
  const [, form, made] = headForm.exec(headOf(path)) ?? [];
  if (made === undefined || (form === String(BUNDLE_FORM) && series(made) === series(version))) return;
  throw new MillraceError(
    "BUNDLE_VERSION",
    `the program was bundled by millrace ${made} and this is millrace ${version}; submit it with the cluster's version, ${series(version)}`,
  );
}

/** The first line, or as much of it as a head may have. */
function headOf(path: string): string {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(HEAD_BYTES_MAX);
    const [line = ""] = head.toString("utf8", 0, readSync(file, head, 0, HEAD_BYTES_MAX, 0)).split("\n", 1);
    return line;
  } finally {
    closeSync(file);
  }
}

/** "0.1.7" → "0.1": what has to agree. */
function series(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}
