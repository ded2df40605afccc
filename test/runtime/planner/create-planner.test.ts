import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Job } from "../../../core/job.ts";
import { bundleHead } from "../../../runtime/bundle/bundle-file.ts";
import { bundleJob } from "../../../runtime/bundle/bundle-job.ts";
import { planJob } from "../../../runtime/graph/plan.ts";
import type { PlannedJob, PlanRequest } from "../../../runtime/planned-job.ts";
import { createPlanner, type PlannerOptions } from "../../../runtime/planner/create-planner.ts";
import { ownVersion } from "../../../runtime/version.ts";
import { tempFolder } from "../../connectors/temp-folder.ts";

const folder = tempFolder();
folder.write("package.json", '{ "type": "module" }');

interface Planned {
  readonly planned: Promise<PlannedJob>;
  readonly logged: readonly string[];
}

function plan(request: PlanRequest, options: Partial<PlannerOptions> = {}): Planned {
  const logged: string[] = [];
  const planner = createPlanner({ log: (level, message) => logged.push(`${level} ${message}`), ...options });
  return { planned: planner.plan(request), logged };
}

/** Bundles a program and asks for its plan. */
async function submit(
  source: string,
  request: Omit<PlanRequest, "bundle"> = {},
  options: Partial<PlannerOptions> = {},
): Promise<Planned> {
  const { code } = await bundleJob(folder.write("src/job.ts", source));
  return plan({ bundle: folder.write("data/bundle.mjs", code), ...request }, options);
}

/** A bundle as it was never made by `bundleJob`. */
function raw(program: string, head = bundleHead(ownVersion())): PlanRequest {
  return { bundle: folder.write("data/raw.mjs", `${head}\n${program}\n`) };
}

const job = `import { collectTo, defineJob, fromArray } from "millrace";
  export default defineJob(import.meta, "doubles", (env, { factor, label }) => {
    env.from(fromArray([1, 2, 3])).map((value) => label + value * factor).to(collectTo("doubled"));
  }, { params: { factor: 2, label: "n" }, parallelism: 2, watchdog: "5s", restart: { kind: "none" } });`;

describe("a program's plan", () => {
  test("is plain data: name, parameters, graphs, and what the job says of its running", async () => {
    const { planned, logged } = await submit(job);
    const { jobGraph, executionGraph, explained, graphHash, ...rest } = await planned;
    expect(rest).toEqual({
      name: "doubles",
      params: { factor: 2, label: "n" },
      parallelism: 2,
      slotLabels: Array.from({ length: executionGraph.slots }, () => ({})),
      showRecordsInErrors: false,
      restart: { kind: "none" },
      watchdogMs: 5000,
      warnings: [],
    });
    expect(graphHash).toMatch(/^\w+$/);
    expect(jobGraph.vertices.length).toBeGreaterThan(0);
    expect(explained).toContain("doubles");
    expect(logged).toEqual([]);
  });

  test("is the one that this process makes of the same program", async () => {
    const module = new URL("../../integration/fixtures/two-windows.ts", import.meta.url);
    const { default: local } = (await import(module.href)) as { readonly default: Job };
    const { code } = await bundleJob(join(import.meta.dirname, "../../integration/fixtures/two-windows.ts"));
    const { jobGraph, executionGraph, graphHash } = await plan({ bundle: folder.write("data/two.mjs", code) }).planned;
    const own = planJob(local);
    expect({ jobGraph, executionGraph, graphHash }).toEqual({
      jobGraph: own.jobGraph,
      executionGraph: own.executionGraph,
      graphHash: own.graphHash,
    });
  });

  test("takes parameters as values and as texts, and another parallelism", async () => {
    const request = { params: { label: "x" }, paramTexts: ["factor=7"], parallelism: 3 };
    const { name, params, parallelism, executionGraph } = await (await submit(job, request)).planned;
    expect({ name, params, parallelism }).toEqual({
      name: "doubles",
      params: { factor: 7, label: "x" },
      parallelism: 3,
    });
    expect(executionGraph.slots).toBe(3);
  });

  test("many submissions at once are all planned", async () => {
    const { code } = await bundleJob(folder.write("src/job.ts", job));
    const planner = createPlanner({ log: () => {} });
    const request = { bundle: folder.write("data/many.mjs", code) };
    const names = await Promise.all(Array.from({ length: 9 }, async () => (await planner.plan(request)).name));
    expect(names).toEqual(Array.from({ length: 9 }, () => "doubles"));
  });

  test("a submission that was announced is planned in the process that was started for it, and only it", async () => {
    const { code } = await bundleJob(folder.write("src/pid.ts", `console.log("process", process.pid); ${job}`));
    const request = { bundle: folder.write("data/pid.mjs", code) };
    const logged: string[] = [];
    const planner = createPlanner({ log: (_, message) => logged.push(message) });
    planner.expect();
    planner.expect();
    expect((await planner.plan(request)).name).toBe("doubles");
    expect((await planner.plan(request)).name).toBe("doubles");
    expect(new Set(logged).size).toBe(2);
    planner.expect();
    planner.close();
    expect((await planner.plan(request)).name).toBe("doubles");
  });

  test("what the program writes when it is imported goes to the log, and no further than it may", async () => {
    const many = 'for (let i = 0; i < 500; i++) console.log("line", i);';
    const { planned, logged } = await submit(`console.error("careful"); ${many} ${job}`);
    await planned;
    expect(logged).toContain("warn careful");
    expect(logged).toContain("info line 0");
    expect(logged).toContain("info … and further lines");
    expect(logged.length).toBeLessThan(110);
  });

  test("timers that the program leaves behind keep nobody waiting", async () => {
    expect((await (await submit(`setInterval(() => {}, 1000); ${job}`)).planned).name).toBe("doubles");
  });
});

describe("what a program does at its import happens to it alone, and has a name", () => {
  const cases: readonly [string, string, string, RegExp][] = [
    [
      "throws",
      'throw new Error("no such setting");',
      "BAD_JOB_MODULE",
      /could not be imported: Error: no such setting$/,
    ],
    ["throws no error", 'throw "text";', "BAD_JOB_MODULE", /could not be imported: text/],
    [
      "throws later",
      'setTimeout(() => { throw new Error("late"); }); await new Promise((done) => setTimeout(done, 10_000));',
      "BAD_JOB_MODULE",
      /failed while it was imported: late/,
    ],
    ["exits", "process.exit(0);", "BAD_JOB_MODULE", /called process\.exit\(0\)/],
    ["is killed", 'process.kill(process.pid, "SIGKILL");', "BAD_JOB_MODULE", /ended the process.*SIGKILL/],
    ["waits for ever", "await new Promise(() => {});", "BAD_JOB_MODULE", /a promise that never settles/],
    ["exports nothing", "export const other = 1;", "BAD_JOB_MODULE", /default export is missing/],
    ["exports something else", "export default { name: 'x' };", "BAD_JOB_MODULE", /default export is another object/],
    ["wants what millrace lacks", 'import { nope } from "millrace"; nope();', "BAD_JOB_MODULE", /export named 'nope'/],
    [
      "fills its heap",
      "const all = []; for (;;) all.push(new Array(999).fill(0.5));",
      "PLANNING_LIMIT",
      /more than 64 MB/,
    ],
    [
      "calls run",
      `import { run } from "millrace"; ${job.replace("export default", "const job =")} await run(job);`,
      "BAD_JOB_MODULE",
      /default export is missing|runs a job/,
    ],
  ];
  test.each(cases)("one that %s", async (_what, program, code, message) => {
    const { planned } = plan(raw(program), { heapMb: 64 });
    await expect(planned).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test("one that loops for ever is ended at the limit", async () => {
    const { planned } = plan(raw("for (;;);"), { limitMs: 1000 });
    const message = expect.stringMatching(/not imported and planned within 1 s/);
    await expect(planned).rejects.toMatchObject({ code: "PLANNING_LIMIT", message });
  });

  test("the frames of what it throws name its own files", async () => {
    const { planned } = await submit(
      "const setting = undefined as unknown as { a: number };\n\nexport default setting.a;\n",
    );
    const error = await planned.catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "BAD_JOB_MODULE", message: expect.stringMatching(/, at src\/job\.ts:3:24$/) });
    expect(((error as Error).cause as Error).stack).toContain("job:///src/job.ts:3:24");
  });

  test.each([
    [
      "that is not the same when built twice",
      `let calls = 0; ${job.replace("fromArray([1, 2, 3])", "fromArray([1, 2, 3]), { name: 'in-' + calls++ }")}`,
      "GRAPH_NOT_DETERMINISTIC",
      /twice/,
    ],
    ["without a sink", job.replace('.to(collectTo("doubled"))', ""), "EMPTY_JOB", /no sink/],
    [
      "defined under another URL",
      job.replace("import.meta", "{ url: 'file:///elsewhere.ts' }"),
      "BAD_JOB_MODULE",
      /give defineJob import\.meta itself/,
    ],
    [
      "of a name that is defined twice",
      `${job} defineJob(import.meta, "doubles", () => {});`,
      "BAD_JOB_MODULE",
      /two jobs that are called "doubles"/,
    ],
  ])("a job %s", async (_what, program, code, message) => {
    const { planned } = await submit(program);
    await expect(planned).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test("a sink that commits by checkpoints, which the job does not take", async () => {
    const program = `import { defineJob } from "millrace"; import { kafka, text, toKafka } from "millrace/kafka";
      export default defineJob(import.meta, "copies", (env) => {
        const brokers = "127.0.0.1:1";
        env.from(kafka({ brokers, topics: "in", value: text() }))
          .to(toKafka({ brokers, topic: "out", value: text(), guarantee: "exactly-once" }), { name: "copied" });
      }, OPTIONS);`;
    const { planned } = await submit(program.replace("OPTIONS", "{}"));
    await expect(planned).rejects.toMatchObject({ code: "CHECKPOINT_NEEDED", operator: "copied" });
    const rare = await submit(program.replace("OPTIONS", '{ checkpoints: { interval: "10m" } }'));
    expect((await rare.planned).warnings).toEqual([expect.stringMatching(/transactionTimeout of 900000 ms/)]);
  });

  test.each([
    [{ paramTexts: ["factor=x"] }, /is a number, got "x"/],
    [{ paramTexts: ["fator=1"] }, /has no parameter "fator"/],
    [{ params: { factor: "1" } }, /is a number, got a string/],
  ])("parameters that the job does not have: %j", async (request, message) => {
    const { planned } = await submit(job, request);
    await expect(planned).rejects.toMatchObject({ code: "BAD_OPTION", message: expect.stringMatching(message) });
  });

  test("a bundle of another version of millrace is refused before any of it runs", async () => {
    const { planned, logged } = plan(raw('console.log("ran");', bundleHead("7.0.0")));
    const message = expect.stringMatching(/bundled by millrace 7\.0\.0 and this is millrace/);
    await expect(planned).rejects.toMatchObject({ code: "BUNDLE_VERSION", message });
    expect(logged).toEqual([]);
  });
});

test("a program sees none of the coordinator's own environment variables", async () => {
  process.env["MILLRACE_TEST_SECRET"] = "secret";
  const program = "throw new Error(JSON.stringify([process.env.MILLRACE_TEST_SECRET, typeof process.env.PATH]));";
  await expect(plan(raw(program)).planned).rejects.toMatchObject({
    message: expect.stringContaining('[null,"string"]'),
  });
  delete process.env["MILLRACE_TEST_SECRET"];
});
