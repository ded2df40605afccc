/** The command as users start it: a process of its own, jobs and data in a folder of their own. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../../..");
const folder = realpathSync(mkdtempSync(join(tmpdir(), "millrace-cli-")));
const command = join(root, "runtime/cli/millrace.ts");

const jobs: Readonly<Record<string, string>> = {
  "sums.ts": `import { defineJob, jsonl, print } from "millrace";
    const params = { input: "prices.jsonl", factor: 1, only: "" };
    export default defineJob(import.meta, "sums", (env, { input, factor, only }) => {
      env.from(jsonl<{ item: string; price: number }>(input))
        .filter(({ item }) => only === "" || item === only)
        .map(({ item, price }) => ({ item, price: price * factor }))
        .keyBy("item")
        .reduce("sum", (sum, value) => ({ item: sum.item, price: sum.price + value.price }))
        .to(print());
    }, { params });`,
  "collects.ts": `import { collectTo, defineJob, jsonl } from "millrace";
    export default defineJob(import.meta, "collects", (env) => {
      env.from(jsonl<{ price: number }>("prices.jsonl")).map(({ price }) => BigInt(price)).to(collectTo("prices"));
    });`,
  "fails.ts": `import { defineJob, jsonl, print } from "millrace";
    export default defineJob(import.meta, "fails", (env) => {
      env.from(jsonl<{ cost: { net: number } }>("prices.jsonl"))
        .map(function net({ cost }) { return cost.net; })
        .to(print());
    });`,
  "no-sink.ts": `import { defineJob, fromArray } from "millrace";
    export default defineJob(import.meta, "no-sink", (env) => { env.from(fromArray([1])); });`,
  "no-job.ts": "export default 1;",
  "syntax.ts": "const a: number =;",
  "throws.ts": `function load(): never { throw new Error("no such setting"); }
    load();`,
  "endless.ts": `import { defineJob, generate, print } from "millrace";
    export default defineJob(import.meta, "endless", (env) => {
      env.from(generate({ perSecond: 100, record: (index) => index })).to(print());
    });`,
};

const prices = [
  { item: "cup", price: 2 },
  { item: "jar", price: 3 },
  { item: "cup", price: 5 },
];

beforeAll(() => {
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "millrace"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  writeFileSync(join(folder, "prices.jsonl"), prices.map((row) => `${JSON.stringify(row)}\n`).join(""));
  for (const [name, text] of Object.entries(jobs)) writeFileSync(join(folder, name), text);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function millrace(...args: readonly string[]) {
  const run = spawnSync(process.execPath, [command, ...args], {
    cwd: folder,
    encoding: "utf8",
    timeout: 60_000,
    env: withoutColours(process.env),
  });
  return { status: run.status, lines: run.stdout.split("\n").filter(Boolean), stderr: run.stderr };
}

describe("millrace run", () => {
  test("runs a job: rows on standard output, progress on standard error, exit code 0", () => {
    const { status, lines, stderr } = millrace("run", "sums.ts");
    expect(lines).toEqual(['{"item":"cup","price":2}', '{"item":"jar","price":3}', '{"item":"cup","price":7}']);
    expect(stderr).toMatch(/^sums: 3 rows, [\d,]+ rows\/s in \d+\.\d s\n$/);
    expect(status).toBe(0);
  });

  test("passes parallelism and parameters, each of its default's type", () => {
    const { status, lines } = millrace("run", "sums.ts", "-p", "2", "--param", "factor=10", "--param", "only=cup");
    const rows = lines.map((line) => line.replace(/^[01]> /, ""));
    expect(rows).toEqual(['{"item":"cup","price":20}', '{"item":"cup","price":70}']);
    expect(lines).not.toEqual(rows);
    expect(status).toBe(0);
  });

  test("prints what collectTo has gathered, with --json together with the final metrics", () => {
    expect(millrace("run", "collects.ts")).toMatchObject({ status: 0, lines: ['"2"', '"3"', '"5"'] });
    const { status, lines } = millrace("run", "collects.ts", "--json");
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      job: "collects",
      state: "finished",
      collected: { prices: ["2", "3", "5"] },
    });
    expect(status).toBe(0);
  });

  test("says what operators counted, such as bad lines", () => {
    writeFileSync(join(folder, "broken.jsonl"), '{"item":"cup","price":1}\n{"item":\n');
    const { status, lines, stderr } = millrace("run", "sums.ts", "--param", "input=broken.jsonl");
    expect(lines).toHaveLength(1);
    expect(stderr).toMatch(/^ {2}jsonl:broken\.jsonl: badLines 1$/m);
    expect(status).toBe(0);
  });

  test("a failed job: one block with the user's frame and no frame of the engine, exit code 1", () => {
    const { status, stderr } = millrace("run", "fails.ts");
    expect(status).toBe(1);
    const block = stderr.slice(stderr.indexOf("error USER_FUNCTION"));
    expect(block.trimEnd().split("\n")).toEqual([
      "error USER_FUNCTION: a function of \"map\" threw TypeError: Cannot read properties of undefined (reading 'net')",
      "  operator  map, subtask 1 of 1, attempt 1",
      "  record    { item: string, price: number }",
      "  cause     TypeError: Cannot read properties of undefined (reading 'net')",
      expect.stringMatching(/^ {12}at .*net.* ?\(?fails\.ts:4:\d+\)?$/),
    ]);
  });

  test("--verbose adds the engine's frames", () => {
    expect(millrace("run", "fails.ts", "--verbose").stderr).toContain("runtime/task/");
  });

  test("--json gives a failure as data", () => {
    const { status, lines } = millrace("run", "fails.ts", "--json");
    const last = JSON.parse(lines.at(-1) ?? "");
    expect(last).toMatchObject({ job: "fails", state: "failed", error: { code: "USER_FUNCTION", operator: "map" } });
    expect(status).toBe(1);
  });

  test("an input that does not exist fails the job by name", () => {
    const { status, stderr } = millrace("run", "sums.ts", "--param", "input=nowhere.jsonl");
    expect(stderr).toMatch(/^error INPUT_UNREADABLE: .*nowhere\.jsonl/m);
    expect(status).toBe(1);
  });

  test("Ctrl-C cancels the job, exit code 130", { timeout: 60_000 }, async () => {
    const child = spawn(process.execPath, [command, "run", "endless.ts"], { cwd: folder });
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    await once(child.stdout, "data");
    child.kill("SIGINT");
    const [code] = await once(child, "close");
    expect(stderr).toMatch(/^error CANCELLED: job "endless" was cancelled$/m);
    expect(code).toBe(130);
  });
});

describe("what is wrong before anything starts ends with 2 and a sentence", () => {
  test.each([
    [["run", "nowhere.ts"], /^error BAD_JOB_MODULE: there is no file nowhere\.ts/],
    [
      ["run", "no-job.ts"],
      /^error BAD_JOB_MODULE: no-job\.ts does not export a job: its default export is a number; end/,
    ],
    [["run", "no-sink.ts"], /^error EMPTY_JOB: job "no-sink" has no sink/],
    [["explain", "no-sink.ts"], /^error EMPTY_JOB: job "no-sink" has no sink/],
    [
      ["run", "throws.ts"],
      /^error BAD_JOB_MODULE: throws\.ts could not be imported\n {2}cause {5}Error: no such setting\n {12}at load \(throws\.ts:1:\d+\)\n {12}at throws\.ts:2:5\n$/,
    ],
    [["run", "syntax.ts"], /^error BAD_JOB_MODULE: syntax\.ts could not be imported\n {2}cause {5}SyntaxError: /],
    [
      ["run", "sums.ts", "--param", "facto=1"],
      /^error BAD_OPTION: job "sums" has no parameter "facto"; it has: input, factor, only/,
    ],
    [
      ["run", "sums.ts", "--param", "factor=x"],
      /^error BAD_OPTION: parameter "factor" of job "sums" is a number, got "x"/,
    ],
    [
      ["run", "sums.ts", "-p", "0"],
      /^error: option '-p, --parallelism <number>' argument '0' is invalid\. It must be a whole number/,
    ],
    [["run", "sums.ts", "-p", "1000"], /^error PARALLELISM: /],
    [["run"], /^error: missing required argument 'job'/],
    [["rum", "sums.ts"], /^error: unknown command 'rum'\n\(Did you mean run\?\)/],
    [["run", "sums.ts", "--jsn"], /^error: unknown option '--jsn'\n\(Did you mean --json\?\)/],
  ])("millrace %s", (args, message) => {
    const { status, lines, stderr } = millrace(...args);
    expect(stderr).toMatch(message);
    expect(lines).toEqual([]);
    expect(status).toBe(2);
  });
});

describe("millrace explain", () => {
  test("prints the plan and runs nothing", () => {
    const { status, lines, stderr } = millrace("explain", "sums.ts", "--param", "input=nowhere.jsonl", "-p", "2");
    const text = lines.join("\n");
    for (const operator of ["jsonl:nowhere.jsonl", "filter", "map", "sum", "print"]) expect(text).toContain(operator);
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });

  test("--json gives the logical, the chained and the parallel graph", () => {
    const { status, lines } = millrace("explain", "sums.ts", "--json", "--parallelism", "2");
    expect(lines).toHaveLength(1);
    const plan = JSON.parse(lines[0] ?? "");
    expect(plan).toMatchObject({ job: "sums", params: { input: "prices.jsonl", factor: 1, only: "" } });
    expect(plan.operators.map(({ kind }: { kind: string }) => kind)).toEqual([
      "source",
      "filter",
      "map",
      "reduce",
      "sink",
    ]);
    expect(plan.jobGraph.vertices.map(({ id }: { id: string }) => id)).toEqual(["jsonl:prices.jsonl", "sum"]);
    expect(plan.executionGraph.subtasks).toHaveLength(4);
    expect(status).toBe(0);
  });
});

test("--version prints the package's version, --help the commands", () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  expect(millrace("--version")).toMatchObject({ status: 0, lines: [version] });
  const help = millrace("--help");
  expect(help.lines.join("\n")).toMatch(/run \[options\] <job>[\s\S]*explain \[options\] <job>/);
  expect(help.status).toBe(0);
});

test("package.json's bin is this command, executable as it stands", () => {
  const { bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  expect(resolve(root, bin.millrace)).toBe(command);
  expect(readFileSync(command, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
});

test("colours only where they are wanted: a file gets none unless they are forced", () => {
  const refused = (more: NodeJS.ProcessEnv): string => {
    const env = { ...withoutColours(process.env), ...more };
    return spawnSync(process.execPath, [command, "run", "nowhere.ts"], { cwd: folder, encoding: "utf8", env }).stderr;
  };
  expect(refused({ FORCE_COLOR: "1" }).startsWith("\u001b[31m")).toBe(true);
  expect(refused({})).toMatch(/^error BAD_JOB_MODULE/);
  expect(refused({ NO_COLOR: "1" })).toMatch(/^error BAD_JOB_MODULE/);
});

function withoutColours({ FORCE_COLOR: _, NO_COLOR: __, ...env }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return env;
}
