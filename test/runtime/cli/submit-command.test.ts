/** `millrace submit` against a coordinator with fixed answers. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { JobResultView } from "../../../runtime/rest/views.ts";
import { type Asked, Refusal } from "./fake-coordinator.ts";
import {
  beginsWithJobs,
  collected,
  command,
  coordinator,
  env,
  finished,
  folder,
  millrace,
  resultAnswers,
  words,
} from "./on-fake-cluster.ts";

beginsWithJobs();

describe("millrace submit", () => {
  folder.write("package.json", '{ "type": "module" }');
  folder.write(
    "job.ts",
    'import { collectTo, defineJob, fromArray } from "millrace"; export default defineJob(import.meta, "word-count", (env) => { env.from(fromArray([1])).to(collectTo("counts")); });',
  );
  const log = [
    { time: 0, level: "out", message: '{"printed":1}\n', fields: {} },
    { time: 0, level: "info", message: "not shown", fields: {} },
    { time: 0, level: "warn", message: "shown", fields: {} },
  ];
  const running = (result: JobResultView, more: Readonly<Record<string, unknown>> = {}) => ({
    ...resultAnswers(result),
    "POST /submissions": {},
    "GET /bundles": { bundles: [] },
    "POST /jobs": words,
    [`GET /jobs/${words.jid}/metrics`]: finished.metrics,
    [`GET /jobs/${words.jid}/log?from=0`]: { lines: log, next: 9, ended: false },
    [`GET /jobs/${words.jid}/log?from=9`]: { lines: [], next: 9, ended: true },
    ...more,
  });
  const stored = (): Asked[] => coordinator.asked.filter(({ method }) => method === "PUT");

  /** Answers a bundle of any hash. */
  function takeBundle(answers: Readonly<Record<string, unknown>>) {
    coordinator.answer(
      new Proxy(answers, { get: (own, name) => (String(name).startsWith("PUT /bundles/") ? {} : own[String(name)]) }),
    );
  }

  test("stores the bundle, submits and follows: rows and prints on standard output, the rest on standard error", async () => {
    takeBundle(running(finished));
    const { status, stdout, stderr } = await millrace(["submit", "job.ts", "-p", "3", "--param", "a=b"]);
    expect(stdout).toBe('{"printed":1}\n{"word":"tea"}\n"7"\nnull\n');
    expect(stderr).toContain(`submitted word-count as job ${words.jid}`);
    expect(stderr).toMatch(/warn {2}shown/);
    expect(stderr).not.toContain("not shown");
    expect(status).toBe(0);
    expect(coordinator.asked[0]).toEqual({ method: "POST", path: "/submissions", body: '{"parallelism":3}' });
    const [bundle] = stored();
    const { body } = coordinator.asked.find(({ path, method }) => method === "POST" && path === "/jobs") as Asked;
    expect(bundle?.body).toMatch(/^\/\/ millrace bundle 1, made with millrace /);
    expect(JSON.parse(body)).toEqual({
      bundle: bundle?.path.slice("/bundles/".length),
      parallelism: 3,
      paramTexts: ["a=b"],
      workingDirectory: folder.path,
    });
  });

  test("says what may become of a savepoint's state, and refuses a renaming that is none", async () => {
    takeBundle(running(finished));
    const given = ["--drop", "a", "--drop", "b/c", "--rename", "old=new=er", "--allow-dropped", "--other-job"];
    await millrace(["submit", "job.ts", "--detach", "--from", "saved", ...given]);
    const { body } = coordinator.asked.find(({ path, method }) => method === "POST" && path === "/jobs") as Asked;
    expect(JSON.parse(body)).toMatchObject({
      from: join(folder.path, "saved"),
      upgrade: { allowDropped: true, drop: ["a", "b/c"], rename: { old: "new=er" }, otherJob: true },
    });
    for (const none of ["old", "=new", "old="]) {
      const { status, stderr } = await millrace(["submit", "job.ts", "--from", "saved", "--rename", none]);
      expect([status, stderr]).toEqual([2, expect.stringContaining("It must be of the form old=new.")]);
    }
  });

  test("a bundle that the coordinator has is not sent again", async () => {
    takeBundle(running(finished));
    await millrace(["submit", "job.ts", "--detach"]);
    const hash = stored()[0]?.path.slice("/bundles/".length);
    coordinator.asked.length = 0;
    takeBundle(running(finished, { "GET /bundles": { bundles: [{ id: hash, size: 1, uploaded: 0 }] } }));
    const { stdout, status } = await millrace(["submit", "job.ts", "--detach"]);
    expect(stored()).toEqual([]);
    expect(stdout).toBe(`${words.jid}\n`);
    expect(status).toBe(0);
  });

  test("--detach --json prints the job, --json alone the result", async () => {
    takeBundle(running(finished));
    expect(JSON.parse((await millrace(["submit", "job.ts", "--detach", "--json"])).stdout)).toEqual(words);
    const [printed, result] = (await millrace(["submit", "job.ts", "--json"])).stdout.trimEnd().split("\n");
    expect(printed).toBe('{"printed":1}');
    expect(JSON.parse(result ?? "")).toMatchObject({
      state: "FINISHED",
      collected: { counts: [{ word: "tea" }, "7", null] },
    });
  });

  test("a job that fails: the error as a block, exit code 1", async () => {
    const error = {
      code: "USER_FUNCTION",
      name: "MillraceError",
      message: "no price",
      stack: undefined,
      operator: "price",
      origin: undefined,
      cause: undefined,
    } as const;
    takeBundle(running({ ...finished, state: "FAILED", error }));
    const { status, stderr } = await millrace(["submit", "job.ts"]);
    expect(stderr).toContain("error USER_FUNCTION: no price\n  operator  price\n");
    expect(status).toBe(1);
  });

  test("Ctrl-C cancels the job, exit code 130", async () => {
    let cancelled = false;
    const cancel = () => {
      cancelled = true;
      return {};
    };
    takeBundle(
      running(finished, {
        [`POST /jobs/${words.jid}/cancel`]: cancel,
        [`GET /jobs/${words.jid}/log?from=9`]: () => ({ lines: [], next: 9, ended: cancelled }),
        [`GET /jobs/${words.jid}/result`]: () => ({
          ...finished,
          collected: {},
          state: cancelled ? "CANCELED" : "RUNNING",
        }),
      }),
    );
    const child = spawn(process.execPath, [command, "submit", "job.ts"], {
      cwd: folder.path,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const stderr = collected(child.stderr);
    await once(child.stdout, "data");
    child.kill("SIGINT");
    const [code] = await once(child, "close");
    expect(stderr.join("")).toContain("cancelling the job");
    expect(cancelled).toBe(true);
    expect(code).toBe(130);
  });

  test("a program that cannot be bundled is not submitted", async () => {
    folder.write("wrong.ts", 'import "./gone.ts";');
    takeBundle(running(finished));
    const { status, stderr } = await millrace(["submit", "wrong.ts"]);
    expect(stderr).toMatch(/^error BAD_JOB_MODULE: wrong\.ts cannot be bundled: wrong\.ts:1:8: Could not resolve/);
    expect(coordinator.asked.filter(({ path }) => path === "/jobs")).toEqual([]);
    expect(status).toBe(2);
  });

  test("what the coordinator refuses is shown as it says", async () => {
    takeBundle(running(finished, { "POST /jobs": new Refusal(400, "EMPTY_JOB", "job has no sink") }));
    expect(await millrace(["submit", "job.ts"])).toEqual({
      status: 2,
      stdout: "",
      stderr: "error EMPTY_JOB: job has no sink\n",
    });
  });
});
