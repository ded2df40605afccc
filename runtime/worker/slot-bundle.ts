/** What a slot's thread needs to run a bundled program, beside what every slot needs. */

import { fileURLToPath } from "node:url";
import { checkBundleVersion } from "../bundle/bundle-file.ts";
import { mapStacksOf } from "../bundle/mapped-stacks.ts";
import { resolveImportsOf } from "../bundle-resolution.ts";
import { ownVersion } from "../version.ts";

export { loadMillrace } from "../bundle-resolution.ts";

/** Before the bundle at the file URL is imported. @throws MillraceError BUNDLE_VERSION */
export function prepareBundle(module: string): void {
  // A job may have been bundled before its cluster was upgraded.
  checkBundleVersion(fileURLToPath(module), ownVersion());
  resolveImportsOf(module);
  mapStacksOf(module);
}
