/** Commands on a cluster, as users start them, against a coordinator with fixed answers. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type {
  CheckpointsView,
  CheckpointView,
  JobResultView,
  JobSummaryView,
  JobView,
  WorkerView,
} from "../../../runtime/rest/views.ts";
import { ownVersion } from "../../../runtime/version.ts";
import { tempFolder } from "../../connectors/temp-folder.ts";
import { type Asked, fakeCoordinator, Refusal, token } from "./fake-coordinator.ts";

const root = resolve(import.meta.dirname, "../../..");
const command = join(root, "runtime/cli/millrace.ts");
const folder = tempFolder();
const coordinator = await fakeCoordinator();

const tokenFile = folder.write(".millrace/token", `${token}\n`);
chmodSync(tokenFile, 0o600);
folder.write(".millrace/cluster.json", JSON.stringify({ address: coordinator.address, pid: process.pid, tokenFile }));

const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], NO_COLOR: "1" };

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function millrace(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Run> {
  const child = spawn(process.execPath, [command, ...args], {
    cwd: options.cwd ?? folder.path,
    env: { ...env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stdout = collected(child.stdout);
  const stderr = collected(child.stderr);
  const [status] = await once(child, "close");
  return { status, stdout: stdout.join(""), stderr: stderr.join("") };
}

/** What a stream has brought so far. */
function collected(stream: NodeJS.ReadableStream): string[] {
  const chunks: string[] = [];
  stream.on("data", (chunk) => chunks.push(String(chunk)));
  return chunks;
}

function summary(jid: string, name: string, more: Partial<JobSummaryView> = {}): JobSummaryView {
  return {
    jid,
    name,
    state: "RUNNING",
    "start-time": Date.UTC(2026, 2, 1, 10, 0, 5),
    "end-time": -1,
    duration: 65_000,
    "last-modification": 0,
    parallelism: 2,
    restarts: 0,
    tasks: {},
    ...more,
  };
}

const words = summary("11aa22bb33cc", "word-count");
const sales = summary("11aa22bb44dd", "sales", { state: "WAITING", restarts: 3 });
const old = summary("ffee00112233", "word-count", { state: "FAILED" });
const jobs = [old, words, sales];

beforeEach(() => {
  coordinator.asked.length = 0;
  coordinator.answer({ "GET /jobs/overview": { jobs } });
});

describe("millrace list", () => {
  test("shows the jobs that have not ended, as a table within 80 columns", async () => {
    const { status, stdout, stderr } = await millrace(["list"]);
    expect(stdout.split("\n")).toEqual([
      "JOB        NAME        STATE    PAR  RESTARTS  STARTED (UTC)              FOR",
      "11aa22bb3  word-count  RUNNING    2         0  2026-03-01 10:00:05  1 min 5 s",
      "11aa22bb4  sales       WAITING    2         3  2026-03-01 10:00:05  1 min 5 s",
      "",
    ]);
    expect(stderr).toBe("1 ended job: millrace list --all\n");
    expect(status).toBe(0);
  });

  test("--all shows those that have ended too", async () => {
    const { stdout, stderr } = await millrace(["list", "--all"]);
    expect(stdout).toMatch(/\nffee00112 {2}word-count {2}FAILED/);
    expect(stderr).toBe("");
  });

  test("--json prints what the coordinator said as one line", async () => {
    const { stdout, stderr } = await millrace(["list", "--all", "--json"]);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(JSON.parse(stdout)).toEqual([words, sales, old]);
    expect(stderr).toBe("");
  });

  test("cuts long names and shows what would steer the terminal", async () => {
    const name = `\u001b[31m${"long-".repeat(30)}`;
    coordinator.answer({ "GET /jobs/overview": { jobs: [summary("aaaa", name)] } });
    const { stdout } = await millrace(["list"]);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(stdout).toContain("\ufffd[31mlong-");
    expect(stdout).toContain("…");
    expect(stdout).not.toContain("\u001b");
  });
});

function checkpointsOf(completed: CheckpointView | null): CheckpointsView {
  const total = completed === null ? 0 : 1;
  return {
    counts: { restored: 0, total, in_progress: 0, completed: total, failed: 0 },
    latest: { completed, savepoint: null, failed: null, restored: null },
    history: completed === null ? [] : [completed],
  };
}

describe("a job is named by its id, the beginning of it, or its name", () => {
  const view: JobView = {
    ...words,
    now: 0,
    timestamps: {},
    vertices: [],
    "status-counts": {},
    plan: { jid: words.jid, name: words.name, nodes: [] },
    failure: null,
  };

  test.each([words.jid, "11aa22bb3", "word-count"])("%s", async (text) => {
    coordinator.answer({
      "GET /jobs/overview": { jobs },
      [`GET /jobs/${words.jid}`]: view,
      [`GET /jobs/${words.jid}/checkpoints`]: checkpointsOf(null),
    });
    const { status, stdout } = await millrace(["info", text, "--json"]);
    expect(JSON.parse(stdout)).toEqual(view);
    expect(status).toBe(0);
  });

  test.each([
    [
      "11aa22bb",
      /^error BAD_OPTION: "11aa22bb" may be one of several jobs: 11aa22bb33cc \(word-count\), 11aa22bb44dd \(sales\); give more of the id/,
    ],
    ["nope", /^error JOB_UNKNOWN: there is no job "nope"; millrace list shows the jobs/],
    ["", /^error JOB_UNKNOWN: /],
  ])("%j is refused", async (text, message) => {
    const { status, stdout, stderr } = await millrace(["info", text]);
    expect(stderr).toMatch(message);
    expect(stdout).toBe("");
    expect(status).toBe(2);
  });
});

test("millrace info shows the vertices, and what a job failed with", async () => {
  const metrics = {
    "read-records": 1_234_567,
    "read-bytes": 0,
    "write-records": 99,
    "write-bytes": 0,
    "accumulated-busy-time": 2500,
    "accumulated-idle-time": 0,
    "accumulated-backpressured-time": 0,
    "late-records": 7,
    "dropped-records": 0,
  };
  const failure = {
    code: "USER_FUNCTION",
    name: "MillraceError",
    message: 'a function of "count" threw Error: no',
    operator: "count",
  };
  coordinator.answer({
    "GET /jobs/overview": { jobs },
    [`GET /jobs/${old.jid}`]: {
      ...old,
      vertices: [
        {
          id: "v1",
          name: "count",
          parallelism: 2,
          maxParallelism: 128,
          status: "FAILED",
          "start-time": 0,
          "end-time": 0,
          duration: 0,
          tasks: {},
          metrics,
        },
      ],
      failure,
    },
    [`GET /jobs/${old.jid}/checkpoints`]: checkpointsOf({
      ...{ id: 12, region: 0, status: "COMPLETED", is_savepoint: false, checkpoint_type: "UNALIGNED_CHECKPOINT" },
      ...{ trigger_timestamp: 0, state_size: 3000, persisted_data: 1024, copies: null, end_to_end_duration: 40 },
      ...{ num_slots: 2, num_acknowledged_slots: 2, external_path: null, failure_message: null },
    }),
  });
  const { stdout, status } = await millrace(["info", "ffee"]);
  expect(stdout.split("\n")).toEqual([
    "job         ffee00112233",
    "name        word-count",
    "state       FAILED",
    "parallelism 2",
    "started     2026-03-01 10:00:05 UTC, 1 min 5 s ago",
    "restarts    0",
    "checkpoint  12: 2.9 KB, 1.0 KB of it in flight, in 40 ms",
    "",
    "VERTEX  PAR  STATUS         IN  OUT  LATE  BUSY",
    "count     2  FAILED  1,234,567   99     7   2 s",
    "",
    'error USER_FUNCTION: a function of "count" threw Error: no',
    "  operator  count",
    "",
  ]);
  expect(status).toBe(0);
});

test("millrace workers shows who has registered", async () => {
  const worker: WorkerView = {
    id: "w-0123456789",
    path: "/x",
    host: "localhost",
    pid: 4711,
    epoch: 3,
    timeSinceLastHeartbeat: 12,
    slotsNumber: 4,
    freeSlots: 1,
    labels: { zone: "a", gpu: true },
    memoryBytes: 4 * 1024 ** 3,
    rssBytes: 90 * 1024 ** 2,
    exchange: "unix:/x",
    status: "ACTIVE",
  };
  coordinator.answer({ "GET /workers": { workers: [worker] } });
  const { stdout } = await millrace(["workers"]);
  expect(stdout.split("\n")[1]).toBe(
    "w-0123456789  localhost:4711  ACTIVE  1 of 4  90.0 MB of 4.0 GB  zone=a gpu=true",
  );
  expect(JSON.parse((await millrace(["workers", "--json"])).stdout)).toEqual([worker]);
});

test("millrace explain asks the coordinator for what is no file", async () => {
  coordinator.answer({
    "GET /jobs/overview": { jobs },
    [`GET /jobs/${words.jid}/explain`]: "word-count\n  a plan\n\n",
    [`GET /jobs/${words.jid}/plan`]: { plan: { jid: words.jid, name: "word-count", nodes: [] } },
  });
  expect((await millrace(["explain", "word-count"])).stdout).toBe("word-count\n  a plan\n");
  expect(JSON.parse((await millrace(["explain", "word-count", "--json"])).stdout)).toMatchObject({
    name: "word-count",
  });
});

describe("millrace logs", () => {
  const line = {
    time: Date.UTC(2026, 2, 1, 12, 0, 1, 234),
    level: "warn",
    message: "slow\u001b[2J sink",
    fields: { operator: "print", rows: 7 },
  };
  const out = { time: 0, level: "out", message: '0> {"word":"tea"}', fields: {} };

  test("prints what is written so far, what the job printed as it is", async () => {
    coordinator.answer({
      "GET /jobs/overview": { jobs },
      [`GET /jobs/${words.jid}/log?from=0`]: { lines: [line, out], next: 500, ended: false },
      [`GET /jobs/${words.jid}/log?from=500`]: { lines: [], next: 500, ended: false },
    });
    const { stdout, status } = await millrace(["logs", "word-count"]);
    expect(stdout).toBe('12:00:01.234 warn  slow\ufffd[2J sink  operator=print  rows=7\n0> {"word":"tea"}\n');
    expect(status).toBe(0);
    const lines = (await millrace(["logs", "word-count", "--json"])).stdout.trimEnd().split("\n");
    expect(lines.map((text) => JSON.parse(text))).toEqual([line, out]);
  });

  test("-f goes on until the job has ended", async () => {
    let looks = 0;
    coordinator.answer({
      "GET /jobs/overview": { jobs },
      [`GET /jobs/${words.jid}/log?from=0`]: () =>
        ++looks < 3 ? { lines: [], next: 0, ended: false } : { lines: [out], next: 10, ended: false },
      [`GET /jobs/${words.jid}/log?from=10`]: { lines: [], next: 10, ended: true },
    });
    expect((await millrace(["logs", "-f", "word-count"])).stdout).toBe('0> {"word":"tea"}\n');
    expect(looks).toBe(3);
  });
});

const finished: JobResultView = {
  jid: words.jid,
  state: "FINISHED",
  error: null,
  collected: { counts: 3, none: 0 },
  metrics: { job: "word-count", state: "finished", elapsedMs: 100, busyMs: [1], vertices: [], operators: {} },
};

function resultAnswers(result: JobResultView) {
  const rows = (sink: string) => `GET /jobs/${words.jid}/rows/${sink}`;
  return {
    "GET /jobs/overview": { jobs },
    [`GET /jobs/${words.jid}/result`]: result,
    [`${rows("counts")}?from=0&max=1000`]: { rows: [{ word: "tea" }, "7"], next: 2 },
    [`${rows("counts")}?from=2&max=1000`]: { rows: [null], next: 3 },
    [`${rows("counts")}?from=3&max=1000`]: { rows: [], next: 3 },
    [`${rows("none")}?from=0&max=1000`]: { rows: [], next: 0 },
  };
}

describe("millrace result", () => {
  test("prints all rows, page by page", async () => {
    coordinator.answer(resultAnswers(finished));
    expect(await millrace(["result", "word-count"])).toEqual({
      status: 0,
      stdout: '{"word":"tea"}\n"7"\nnull\n',
      stderr: "",
    });
  });

  test("--json prints state, metrics and rows as one line", async () => {
    coordinator.answer(resultAnswers(finished));
    const { stdout } = await millrace(["result", "word-count", "--json"]);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(JSON.parse(stdout)).toEqual({ ...finished, collected: { counts: [{ word: "tea" }, "7", null], none: [] } });
  });

  test("--sink prints those of one sink, and names the sinks that there are", async () => {
    coordinator.answer(resultAnswers(finished));
    expect((await millrace(["result", "word-count", "--sink", "none"])).stdout).toBe("");
    const refused = await millrace(["result", "word-count", "--sink", "nope"]);
    expect(refused.stderr).toMatch(/^error BAD_OPTION: .*sink "nope"; it has: counts, none/);
    expect(refused.status).toBe(2);
  });

  test.each([
    ["FAILED", 1],
    ["CANCELED", 4],
    ["RUNNING", 0],
  ] as const)("the exit code says how the job ended: %s", async (state, status) => {
    coordinator.answer(resultAnswers({ ...finished, state }));
    expect((await millrace(["result", "word-count"])).status).toBe(status);
  });
});

describe("millrace cancel and stop", () => {
  test.each(["cancel", "stop"])("%s asks for it", async (word) => {
    coordinator.answer({
      "GET /jobs/overview": { jobs },
      [`POST /jobs/${words.jid}/${word}`]: {},
      [`GET /jobs/${words.jid}`]: { ...words, state: "CANCELLING" },
    });
    const { status, stdout, stderr } = await millrace([word, "word-count"]);
    expect(coordinator.asked.map(({ method, path }) => `${method} ${path}`)).toContain(
      `POST /jobs/${words.jid}/${word}`,
    );
    expect(stdout).toBe("");
    expect(stderr).toBe(`word-count (${words.jid}) is being ${word === "cancel" ? "cancelled" : "stopped"}\n`);
    expect(status).toBe(0);
  });

  test("--wait waits for the end, --json prints it", async () => {
    let looks = 0;
    coordinator.answer({
      "GET /jobs/overview": { jobs },
      [`POST /jobs/${words.jid}/cancel`]: {},
      [`GET /jobs/${words.jid}`]: () => ({ ...words, state: ++looks < 3 ? "CANCELLING" : "CANCELED" }),
    });
    const { stdout } = await millrace(["cancel", "word-count", "--wait", "--json"]);
    expect(JSON.parse(stdout)).toEqual({ jid: words.jid, name: "word-count", state: "CANCELED", restarts: 0 });
  });

  test("a job that has ended is refused by name", async () => {
    const refusal = new Refusal(409, "JOB_ENDED", "the job has finished");
    coordinator.answer({ "GET /jobs/overview": { jobs }, [`POST /jobs/${words.jid}/cancel`]: refusal });
    const { status, stderr } = await millrace(["cancel", "word-count"]);
    expect(stderr).toBe("error JOB_ENDED: the job has finished\n");
    expect(status).toBe(2);
  });
});

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

describe("where the coordinator is", () => {
  const elsewhere = tempFolder();

  test("by options and by environment variables, from any folder", async () => {
    const byOption = ["--coordinator", coordinator.address, "--token-file", tokenFile];
    expect((await millrace(["list", ...byOption], { cwd: elsewhere.path })).status).toBe(0);
    const variables = { MILLRACE_COORDINATOR: coordinator.address, MILLRACE_TOKEN_FILE: tokenFile };
    expect((await millrace(["list"], { cwd: elsewhere.path, env: variables })).status).toBe(0);
    expect((await millrace(["list", "--data", join(folder.path, ".millrace")], { cwd: elsewhere.path })).status).toBe(
      0,
    );
  });

  test.each([
    [["list"], 2, /^error TOKEN_FILE: cannot read the token file .*\.millrace\/token; give --token-file/],
    [["list", "--coordinator", "nowhere", "--token-file", tokenFile], 2, /^error BAD_OPTION: expected an address/],
    [
      ["list", "--coordinator", "127.0.0.1:1", "--token-file", tokenFile],
      3,
      /^error COORDINATOR_UNREACHABLE: no connection to 127\.0\.0\.1:1: nothing listens there/,
    ],
    [["list", "--coordinator", "10.1.2.3:1", "--token-file", tokenFile], 2, /^error INSECURE: /],
    [
      ["list", "--tls-cert", "x", "--coordinator", "127.0.0.1:1", "--token-file", tokenFile],
      2,
      /^error BAD_OPTION: --tls-cert, --tls-key and --tls-ca belong together/,
    ],
  ])("millrace %j ends with %i", async (args, status, message) => {
    const run = await millrace(args, { cwd: elsewhere.path });
    expect(run.stderr).toMatch(message);
    expect(run.status).toBe(status);
  });

  test("a token that is not the cluster's is refused", async () => {
    const other = elsewhere.write("token", "another-token-0123456789\n");
    chmodSync(other, 0o600);
    const { status, stderr } = await millrace(["list", "--token-file", other]);
    expect(stderr).toMatch(/^error UNAUTHORIZED/);
    expect(status).toBe(2);
  });

  test("a damaged cluster.json is named", async () => {
    elsewhere.write(".millrace/cluster.json", "{");
    const { stderr } = await millrace(["list"], { cwd: elsewhere.path });
    expect(stderr).toMatch(/^error BAD_OPTION: \.millrace\/cluster\.json cannot be used; delete it/);
  });
});

describe("millrace doctor", () => {
  const overview = { "cluster-id": "c1", "millrace-version": ownVersion(), workers: 2, "slots-available": 4 };

  test("looks at the host and at the cluster that was started in this folder", async () => {
    coordinator.answer({ "GET /overview": overview });
    const { stdout, status } = await millrace(["doctor", "--json"]);
    const findings: { check: string; status: string; detail: string }[] = JSON.parse(stdout);
    const cluster = new Map(findings.map(({ check, ...rest }) => [check, rest]));
    expect(cluster.get("coordinator")).toMatchObject({
      status: "ok",
      detail: expect.stringMatching(/2 workers, 4 free/),
    });
    expect(cluster.get("clock skew")).toMatchObject({ status: "ok" });
    expect(cluster.get("port")).toMatchObject({ status: "ok", detail: `${coordinator.address} is the coordinator's` });
    expect(findings.map(({ check }) => check)).toEqual(
      expect.arrayContaining([
        "node",
        "memory",
        "disk",
        "clock",
        "file descriptors",
        "threads",
        "compile cache",
        "token",
      ]),
    );
    expect(status).toBe(findings.some((finding) => finding.status === "bad") ? 1 : 0);
  });

  test("what has to be mended is BAD, with exit code 1", async () => {
    const { stdout, status } = await millrace(["doctor", "--coordinator", "127.0.0.1:1", "--kafka", "127.0.0.1:1"]);
    expect(stdout).toMatch(/^BAD {5}coordinator {7}no connection to 127\.0\.0\.1:1/m);
    expect(stdout).toMatch(/^BAD {5}kafka {13}no TCP connection to 127\.0\.0\.1:1: ECONNREFUSED$/m);
    expect(status).toBe(1);
  });
});

test("colours only on terminals, or where they are forced", async () => {
  const forced = await millrace(["list", "--coordinator", "127.0.0.1:1"], {
    env: { NO_COLOR: undefined, FORCE_COLOR: "1" },
  });
  expect(forced.stderr.startsWith("\u001b[31m")).toBe(true);
  expect((await millrace(["list", "--coordinator", "127.0.0.1:1"])).stderr).toMatch(/^error /);
});

test("a reader that has seen enough ends the command quietly", async () => {
  const many = Array.from({ length: 5000 }, (_, at) => summary(`job-${at}`, "x".repeat(60)));
  coordinator.answer({ "GET /jobs/overview": { jobs: many } });
  const child = spawn(process.execPath, [command, "list", "--json"], {
    cwd: folder.path,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stderr = collected(child.stderr);
  child.stdout.once("data", () => child.stdout.destroy());
  const [code] = await once(child, "close");
  expect({ code, stderr }).toEqual({ code: 0, stderr: [] });
});
