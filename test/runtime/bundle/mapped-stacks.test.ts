import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bundleJob } from "../../../runtime/bundle/bundle-job.ts";
import { tempFolder } from "../../connectors/temp-folder.ts";

const folder = tempFolder();
const shower = join(import.meta.dirname, "../fixtures/show-stack.ts");

async function stackOf(files: Readonly<Record<string, string>>): Promise<string[]> {
  folder.write("package.json", '{ "type": "module" }');
  for (const [name, text] of Object.entries(files)) folder.write(name, text);
  const { code } = await bundleJob(join(folder.path, "src/job.ts"));
  const bundle = folder.write("data/bundle.mjs", code);
  return execFileSync(process.execPath, [shower, bundle], { encoding: "utf8" }).split("\n");
}

test("frames of a bundle name the source files and lines, in every file of the program", async () => {
  const [head, first, second, third] = await stackOf({
    "src/job.ts":
      'import { price } from "./price.ts";\n\ninterface Row { readonly cost?: { readonly net: number } }\n\nexport default function fail() {\n  return price({} as Row);\n}\n',
    "src/price.ts":
      "/** A page\n * of comment. */\ntype Row = { cost?: { net: number } };\nexport function price(row: Row): number {\n  const where = import.meta.dirname;\n  return (row.cost as { net: number }).net + where.length;\n}\n",
  });
  expect(head).toBe("TypeError: Cannot read properties of undefined (reading 'net')");
  expect(first).toBe("    at price (job:///src/price.ts:6:40)");
  expect(second).toBe("    at fail (job:///src/job.ts:6:10)");
  expect(third).toContain("test/runtime/fixtures/show-stack.ts");
});

test("a file above the program's package keeps a name that a URL can have", async () => {
  folder.write("shared.ts", "export function shared(): never {\n  throw new Error('up here');\n}\n");
  folder.write("src/package.json", '{ "type": "module" }');
  const [head, first] = await stackOf({
    "src/job.ts": 'import { shared } from "../shared.ts";\nexport default () => shared();\n',
  });
  expect([head, first]).toEqual(["Error: up here", "    at shared (job:///up/shared.ts:2:9)"]);
});
