/** Commands on a cluster, as users start them, against a coordinator with fixed answers. */

import { describe, expect, test } from "vitest";
import type { CheckpointsView, CheckpointView, JobView, WorkerView } from "../../../runtime/rest/views.ts";
import { Refusal } from "./fake-coordinator.ts";
import {
  beginsWithJobs,
  coordinator,
  finished,
  jobs,
  millrace,
  old,
  resultAnswers,
  sales,
  summary,
  words,
} from "./on-fake-cluster.ts";

beginsWithJobs();

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
      ...{
        trigger_timestamp: 0,
        state_size: 3000,
        processed_data: 0,
        persisted_data: 1024,
        copies: null,
        end_to_end_duration: 40,
      },
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
