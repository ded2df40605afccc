import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "../connectors/temp-folder.ts";

const folder = tempFolder();
const module = new URL("../../runtime/compile-cache.ts", import.meta.url).href;

/** What the module says in a process that has begun with these variables. */
function environmentIn(given: Readonly<Record<string, string>>, program: string): unknown {
  const source = `${program} console.log(JSON.stringify((await import("${module}")).compileCacheEnvironment()));`;
  const env = { PATH: process.env["PATH"], ...given };
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "-e", source], { env, encoding: "utf8" }));
}

test("a process hands on the folder of its compile cache, and none when it has none", () => {
  const turnOn = 'import { enableCompileCache } from "node:module"; enableCompileCache(process.env.CACHE);';
  const handedOn = { NODE_COMPILE_CACHE: join(folder.path, "cache") };
  expect(environmentIn({ CACHE: handedOn.NODE_COMPILE_CACHE }, turnOn)).toEqual(handedOn);
  expect(environmentIn(handedOn, "")).toEqual(handedOn);
  expect(environmentIn({ NODE_DISABLE_COMPILE_CACHE: "1" }, turnOn)).toEqual({});
});
