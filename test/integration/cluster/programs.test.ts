/** Programs that cannot be submitted, and jobs whose code does what it should not. */

import { cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BundleHash } from "../../../runtime/cluster-ids.ts";
import type { JobResultView } from "../../../runtime/rest/views.ts";
import { byField, Cluster, eventually, fixturePath } from "./cluster.ts";
import { childrenOf, endsAllProcesses, isAlive, millrace, Process, workFolder } from "./processes.ts";

endsAllProcesses();

const folder = await workFolder();
let cluster: Cluster;

beforeAll(async () => {
  const env = {
    OPERATORS_PASSWORD: "hidden",
    MILLRACE_OTHER_TOKEN: "hidden",
    CLOUD_REGION: "hidden",
    HANDED_ON: "shown",
    MILLRACE_COLOUR: "shown",
  };
  const args = ["--workers", "2", "--slots", "1", "--pass-env", "HANDED_ON"];
  cluster = await Cluster.start({ folder: folder.path, args, env });
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

interface Submitted {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function submit(path: string, ...args: readonly string[]): Promise<Submitted> {
  return millrace(["submit", path, ...args], { cwd: folder.path });
}

/** A program in a folder of its own, with a package of native code beside it. */
async function withNativePackage(): Promise<{ readonly program: string; readonly packages: string }> {
  const packages = join(folder.path, "elsewhere/node_modules");
  const thing = join(packages, "native-thing");
  await mkdir(thing, { recursive: true });
  const manifest = { name: "native-thing", version: "1.0.0", gypfile: true, type: "module", main: "index.js" };
  await writeFile(join(thing, "package.json"), JSON.stringify(manifest));
  await writeFile(join(thing, "index.js"), "export const twice = (value) => 2 * value;\n");
  const program = join(folder.path, "elsewhere/program.ts");
  await writeFile(
    program,
    `import { collectTo, defineJob, fromArray } from "millrace";
     import { twice } from "native-thing";
     const options = { restart: { kind: "none" } };
     export default defineJob(import.meta, "native", (env) => {
       env.from(fromArray([1, 2])).map((value) => ({ value: twice(value) })).to(collectTo("out"));
     }, options);`,
  );
  return { program, packages };
}

describe("a submission that is refused has exit code 2, says why, and leaves no job and no process", () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [
      "a program that throws when it is loaded",
      "throws-at-load",
      /^error BAD_JOB_MODULE: the program could not be imported: RangeError: thrown while the program is loaded, at .*throws-at-load\.ts:7:7/m,
    ],
    ["one that waits at its top level", "waits-at-load", /^error BAD_JOB_MODULE: .*waits at its top level/m],
    ["one whose graph changes", "changes", /^error GRAPH_NOT_DETERMINISTIC: /m],
    // The planner's limit.
    ["one whose import does not end", "loads-for-ever", /^error PLANNING_LIMIT: .*within 20 s; .*endless loop/m],
  ];

  afterAll(async () => {
    expect((await cluster.client.jobs()).map(({ name }) => name)).not.toContain("never");
    await eventually("no planner is left", async () => (await childrenOf(cluster.main.pid)).length === 2);
    for (const { id } of await cluster.client.bundles()) await cluster.client.deleteBundle(id as BundleHash);
    expect(await readdir(join(cluster.data, "bundles"))).toEqual([]);
  });

  test.concurrent.each(cases)("%s", async (_, fixture, sentence) => {
    const { code, stdout, stderr } = await submit(fixturePath(fixture));
    expect(stderr).toMatch(sentence);
    expect(stdout).toBe("");
    expect(code).toBe(2);
  });

  test.concurrent("one that needs a native package which the coordinator has not", async () => {
    const { program } = await withNativePackage();
    const { code, stderr } = await submit(program);
    expect(stderr).toMatch(/^error BAD_JOB_MODULE: .*native-thing/m);
    expect(code).toBe(2);
  });
});

test("a native package that only a worker has not: the job fails and names it, with exit code 1", async () => {
  await using own = await workFolder();
  await using other = await workFolder();
  const { program, packages } = await withNativePackage();
  await mkdir(join(own.path, "node_modules"));
  await cp(packages, join(own.path, "node_modules"), { recursive: true });
  await using lone = await Cluster.coordinator({ folder: own.path });
  const where = ["--coordinator", lone.place.address, "--token-file", lone.place.tokenFile];
  const worker = new Process(["worker", ...where, "--slots", "1"], { cwd: other.path });
  await lone.member(worker.pid);
  const { code, stderr } = await millrace(["submit", program, ...where], { cwd: folder.path });
  expect(stderr).toMatch(/^error \w+: .*native-thing/m);
  expect(code).toBe(1);
  expect(await lone.freeSlots()).toBe(1);
  await worker.end();
  const able = await lone.worker(["--slots", "1"]);
  const again = await millrace(["submit", program, ...where], { cwd: folder.path });
  expect(again.stdout).toBe('{"value":2}\n{"value":4}');
  expect(again.code).toBe(0);
  await able.end();
});

describe("code that does what it should not", () => {
  const cases: readonly (readonly [string, string, RegExp, object])[] = [
    ["throws", "USER_FUNCTION", /"acts" threw RangeError: out of range/, {}],
    [
      "exits",
      "SLOT_LOST",
      /ended unexpectedly: worker exited with code: 3; look for a function that calls process\.exit/,
      {},
    ],
    [
      "never comes back",
      "SLOT_STUCK",
      /did not come back from a step of "acts" → "filter" \(subtask \d of 2\) within 2000 ms/,
      {},
    ],
    [
      "fills the heap",
      "SLOT_LOST",
      /ended unexpectedly: .*reaching memory limit: JS heap out of memory/,
      { slotHeapMb: 64 },
    ],
  ];

  test.each(cases)(
    "%s in its first attempt: it restarts once and finishes with the right rows",
    async (act, code, message, options) => {
      const workers = await cluster.pids();
      const jid = await cluster.submit("misbehaves", { params: { act, attempts: 1 }, ...options });
      const { restarts } = await cluster.reaches(jid, "FINISHED");
      expect(restarts).toBe(1);
      expect(await cluster.exceptions(jid)).toMatchObject([
        { exceptionName: code, restarted: true, attempt: 0, error: { message: expect.stringMatching(message) } },
      ]);
      expect(byField(await cluster.rows(jid, "out"), "index")).toEqual(
        Array.from({ length: 20 }, (_, at) => ({ index: at * 1000 })),
      );
      // A thread has ended, no process.
      expect(await cluster.pids()).toEqual(workers);
      expect(workers.every(isAlive)).toBe(true);
      expect(await cluster.freeSlots()).toBe(2);
    },
  );

  test.each([
    ["throws", "USER_FUNCTION"],
    ["exits", "SLOT_LOST"],
  ])("%s each time: it fails with the first cause when its two restarts are used up", async (act, code) => {
    const args = ["--param", `act=${act}`, "--param", "attempts=99", "--json"];
    const submitted = await submit(fixturePath("misbehaves"), ...args);
    expect(submitted.code, submitted.stderr).toBe(1);
    expect(submitted.stderr).toMatch(new RegExp(`^error ${code}: `, "m"));
    const result = JSON.parse(submitted.stdout) as JobResultView;
    expect(result).toMatchObject({ state: "FAILED", error: { code } });
    const { jid } = result;
    const job = await cluster.client.job(jid);
    expect(job).toMatchObject({ restarts: 2, failure: { code } });
    expect((await cluster.exceptions(jid)).map(({ exceptionName, restarted }) => [exceptionName, restarted])).toEqual([
      [code, true],
      [code, true],
      [code, false],
    ]);
    expect(await cluster.freeSlots()).toBe(2);
  });

  test('throws where the restart strategy is "none": it fails at once', async () => {
    const jid = await cluster.submit("misbehaves-once", { params: { act: "throws", attempts: 1 } });
    const { restarts, failure } = await cluster.reaches(jid, "FAILED");
    expect(restarts).toBe(0);
    expect(failure).toMatchObject({ code: "USER_FUNCTION", operator: "acts", origin: { attempt: 1 } });
    expect(await cluster.exceptions(jid)).toMatchObject([{ exceptionName: "USER_FUNCTION", restarted: false }]);
    expect(await cluster.freeSlots()).toBe(2);
  });
});

test("of the environment a program sees what is on the list and what was handed on by name", async () => {
  const jid = await cluster.submit("environment");
  await cluster.reaches(jid, "FINISHED");
  const names = (await cluster.rows(jid, "names")).map((row) => (row as { readonly name: string }).name);
  expect(names).toEqual(expect.arrayContaining(["HANDED_ON", "MILLRACE_COLOUR", "PATH"]));
  const listed = /^(PATH|HOME|USER|TZ|LANG|LC_\w+|NODE_ENV|NODE_COMPILE_CACHE|TMPDIR|TEMP|TMP|MILLRACE_\w+)$/;
  expect(names.filter((name) => name !== "HANDED_ON" && !listed.test(name))).toEqual([]);
  expect(names.filter((name) => /TOKEN|PASSWORD/.test(name))).toEqual([]);
});
