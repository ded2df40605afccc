#!/usr/bin/env node
/**
 * The `millrace` command's entry. It holds only what an old Node can read too, so that such a Node gets a sentence
 * instead of a stack; everything else is imported once the version is known to do.
 */

import { nodeRefusal } from "./node-version.ts";

const refusal = nodeRefusal(process.versions.node);
if (refusal === undefined) {
  const { enableCompileCache } = await import("node:module");
  enableCompileCache();
  const { resolveOwnImports } = await import("../own-imports.ts");
  resolveOwnImports();
  const { main } = await import("./main.ts");
  process.exitCode = await main(process.argv.slice(2));
} else {
  console.error(refusal);
  process.exitCode = 2;
}
