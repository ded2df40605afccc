/**
 * What users get: the packed tarball, installed by npm into an empty folder, runs a job there as plain JavaScript and
 * as TypeScript, embedded and on a cluster, and its types judge the caller.
 *
 * Install scripts are off: the package must work where they are forbidden.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const place = realpathSync(mkdtempSync(join(tmpdir(), "millrace-package-")));
const user = join(place, "user");
const installed = join(user, "node_modules", "millrace");

const job = (annotation: string): string => `import { collectTo, defineJob, fromArray, run } from "millrace";

const job = defineJob(import.meta, "doubles", (env) => {
  env
    .from(fromArray([1, 2, 3]))
    .map((x${annotation}) => x * 2)
    .to(collectTo("out"));
});

export default job;
if (import.meta.main) {
  const handle = await run(job, { parallelism: 2 });
  await handle.result;
  console.log(JSON.stringify(handle.collect("out").toSorted()));
}
`;

beforeAll(() => {
  mkdirSync(user);
  const dist = join(place, "dist");
  succeed(process.execPath, [join(root, ".ci", "build.ts"), dist], root);
  succeed("npm", ["pack", dist, "--pack-destination", place], place);
  const tarball = readdirSync(place).find((name) => name.endsWith(".tgz"));
  writeFileSync(join(user, "package.json"), '{ "name": "user", "private": true, "type": "module" }\n');
  const options = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
  succeed("npm", ["install", ...options, join(place, String(tarball))], user);
});

afterAll(() => {
  rmSync(place, { recursive: true, force: true });
});

describe("the packed package", () => {
  test("holds JavaScript, declarations, maps and papers, and no TypeScript source", () => {
    const files = readdirSync(installed, { recursive: true }).map(String);
    expect(files).toEqual(expect.arrayContaining(["index.js", "index.d.ts", "index.js.map"]));
    expect(files).toEqual(expect.arrayContaining(["README.md", "LICENSE", "NOTICE"]));
    expect(files.filter((file) => /(?<!\.d)\.ts$/.test(file))).toEqual([]);
    expect(files.filter((file) => /^(test|bench|examples|node_modules)\b/.test(file))).toEqual([]);
  });

  test("joins its modules: only what is loaded from outside has a file of its own", () => {
    const files = readdirSync(installed, { recursive: true }).map(String);
    const alone = files.filter((file) => file.endsWith(".js") && !file.startsWith("runtime/chunks/"));
    expect(alone.toSorted()).toEqual([
      "connectors/kafka/index.js",
      "index.js",
      "runtime/checkpoints/merge-entry.js",
      "runtime/cli/millrace.js",
      "runtime/planner/planner-entry.js",
      "runtime/planner/planner-thread-entry.js",
      "runtime/state-processor/index.js",
      "runtime/testing/index.js",
      "runtime/worker/slot-entry.js",
    ]);
  });

  test("has one copy of what several of its entries need", () => {
    const program = `import { MillraceError } from "millrace";
import { openSavepoint } from "millrace/state";
const failure = await openSavepoint("nowhere").catch((error) => error);
console.log(failure instanceof MillraceError, failure.code);
`;
    writeFileSync(join(user, "entries.js"), program);
    expect(succeed(process.execPath, ["entries.js"], user).trim()).toBe("true NOT_FOUND");
  });

  test("declares what users need and nothing of the checkout", () => {
    const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
    const source = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    expect(manifest).toMatchObject({ name: "millrace", version: source.version, type: "module", sideEffects: false });
    expect(manifest).toMatchObject({ license: "Apache-2.0", engines: source.engines });
    expect(manifest.dependencies).toEqual(source.dependencies);
    expect(Object.keys(manifest.exports["."])).toEqual(["types", "default"]);
    for (const field of ["private", "scripts", "devDependencies", "knip"]) expect(manifest).not.toHaveProperty(field);
  });

  test.each([
    ["job.js", job("")],
    ["job.ts", job(": number")],
  ])("runs a user's %s on plain Node", (name, text) => {
    writeFileSync(join(user, name), text);
    expect(succeed(process.execPath, [name], user).trim()).toBe("[2,4,6]");
  });

  test("runs it with checkpoints by its command", () => {
    writeFileSync(join(user, "kept.js"), job(""));
    const told = succeed("npx", ["millrace", "run", "kept.js", "--json", "--checkpoints", "kept"], user);
    expect(JSON.parse(told)).toMatchObject({ state: "finished", collected: { out: [2, 4, 6] } });
    expect(readdirSync(join(user, "kept"))).toContain("manifests");
  });

  test("runs it on a cluster of processes", { timeout: 60_000 }, async () => {
    writeFileSync(join(user, "submitted.ts"), job(": number"));
    const program = join(installed, "runtime", "cli", "millrace.js");
    const args = [program, "cluster", "start", "--port", "0", "--workers", "1", "--json"];
    const cluster = spawn(process.execPath, args, {
      cwd: user,
      env: userEnvironment(),
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(cluster, "exit");
    try {
      await once(createInterface({ input: cluster.stdout }), "line");
      const rows = succeed("npx", ["millrace", "submit", "submitted.ts"], user).trim().split("\n");
      expect(rows.filter((row) => /^\d+$/.test(row)).toSorted()).toEqual(["2", "4", "6"]);
    } finally {
      cluster.kill("SIGINT");
      await ended;
    }
  });

  test("types the user's job, and refuses a wrong one", () => {
    const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
    const options = ["--noEmit", "--strict", "--target", "es2024", "--module", "nodenext", "--skipLibCheck"];
    const types = ["--types", "node", "--typeRoots", join(root, "node_modules", "@types")];
    const tsc = (name: string, text: string) => {
      writeFileSync(join(user, name), text);
      return start(process.execPath, [compiler, ...options, ...types, name], user);
    };
    expect(tsc("right.ts", job(""))).toMatchObject({ status: 0, stdout: "" });
    expect(tsc("wrong.ts", job(": string")).stdout).toMatch(/^wrong\.ts\(6,\d+\): error TS/);
  });
});

function succeed(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = start(command, args, cwd);
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}:\n${stdout}\n${stderr}`);
  return stdout;
}

function start(command: string, args: readonly string[], cwd: string) {
  return spawnSync(command, args, { cwd, encoding: "utf8", timeout: 240_000, env: userEnvironment() });
}

/** The environment of a shell outside of this checkout: no script variables of npm, no options of the test runner. */
function userEnvironment(): NodeJS.ProcessEnv {
  const own = /^(npm_package_|npm_lifecycle_|npm_config_local_prefix|INIT_CWD|NODE_OPTIONS|VITEST|NODE_ENV|TEST)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}
