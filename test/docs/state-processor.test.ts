/** The samples of docs/state-processor.md compile, one behind the other. */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");

test("the samples of the state processor's page compile", { timeout: 120_000 }, () => {
  const page = readFileSync(join(root, "docs", "state-processor.md"), "utf8");
  const samples = [...page.matchAll(/^```typescript\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);
  expect(samples).toHaveLength(3);
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "millrace-state-page-")));
  try {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules", "millrace"));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
    writeFileSync(join(folder, "page.ts"), samples.join("\n"));
    const options = {
      noEmit: true,
      rootDir: "/",
      typeRoots: [join(root, "node_modules", "@types")],
      declaration: false,
    };
    const config = { extends: join(root, "tsconfig.json"), compilerOptions: options, include: ["*.ts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
    const { stdout } = spawnSync(process.execPath, [compiler, "-p", folder], { cwd: folder, encoding: "utf8" });
    expect(stdout).toBe("");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
