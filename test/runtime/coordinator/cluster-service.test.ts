import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import type { OperatorId, VertexId } from "../../../core/ids.ts";
import type { AttemptId, BundleHash, ClusterId, JobId } from "../../../runtime/cluster-ids.ts";
import { BundleStore } from "../../../runtime/coordinator/bundle-store.ts";
import { CheckpointFolders } from "../../../runtime/coordinator/checkpoint-folders.ts";
import { CoordinatorService } from "../../../runtime/coordinator/cluster-service.ts";
import { ClusterStores } from "../../../runtime/coordinator/cluster-stores.ts";
import { JobLogFiles } from "../../../runtime/coordinator/job-log-files.ts";
import { JobResultFiles } from "../../../runtime/coordinator/job-result-files.ts";
import type { PlannedJob, PlanRequest } from "../../../runtime/planned-job.ts";
import type { SubtaskReport } from "../../../runtime/protocol.ts";
import type { JobSummaryView } from "../../../runtime/rest/views.ts";
import { failed } from "./fixtures/errors.ts";
import { oneRegion, plannedJob, twoRegions } from "./fixtures/planned-jobs.ts";
import { ScriptedCluster } from "./fixtures/scripted-cluster.ts";

const code = Buffer.from("export default 1;");
const bundle = createHash("sha256").update(code).digest("hex") as BundleHash;
const request = { bundle, workingDirectory: "/work" };

const noStores = new ClusterStores({ nowMs: () => 0, callAfter: () => () => {}, log: () => {} });

const aYear = 365 * 24 * 3_600_000;

let folder: string;
let of: ScriptedCluster;
let service: CoordinatorService;
let logs: JobLogFiles;
let planned: PlanRequest[];
let expected: string[];
let plan: () => Promise<PlannedJob>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-service-"));
  planned = [];
  expected = [];
  plan = async () => plannedJob(oneRegion, 1);
  logs = new JobLogFiles({
    folder: join(folder, "logs"),
    failed: (cause) => {
      throw cause;
    },
  });
  const results = new JobResultFiles({ folder: join(folder, "results") });
  const bundles = new BundleStore(join(folder, "bundles"));
  await bundles.open();
  // Files take real time, during which virtual time flies: nothing may depend on it here.
  const times = { deployTimeoutMs: aYear, stopGraceMs: aYear, killGraceMs: aYear };
  of = await new ScriptedCluster({ logs, results, times, slotTimeoutMs: aYear, heartbeatTimeoutMs: aYear }).start();
  service = new CoordinatorService({
    ...{ cluster: of.cluster, clusterId: "sim" as ClusterId, version: "test", clock: of.world.clock },
    ...{
      bundles,
      logs,
      results,
      storage: new CheckpointFolders({
        data: folder,
        location: join(folder, "checkpoints"),
        stores: noStores,
        log: () => {},
      }),
    },
    planner: {
      plan: (asked) => {
        planned.push(asked);
        return plan();
      },
      expect: () => void expected.push("a request"),
      close: () => {},
    },
  });
  await service.putBundle(bundle, code);
});

afterEach(async () => {
  of.cluster.close();
  await logs.close();
  await rm(folder, { recursive: true });
});

/** Lets files, which live in real time, and the cluster, which does not, come to the answer. */
async function soon<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  const done = promise.finally(() => {
    settled = true;
  });
  done.catch(() => {});
  while (!settled) await of.pass(5);
  return done;
}

function report(change: Partial<SubtaskReport> = {}): SubtaskReport {
  return {
    ...{ vertex: "source-a" as VertexId, subtask: 0, source: true, phase: "running" },
    ...{ recordsIn: 100, recordsOut: 90, bytesIn: 1_000, bytesOut: 900 },
    ...{ busyMs: 60, idleMs: 30, backpressuredMs: 10, watermark: 1_234, backpressured: false },
    operators: [
      { operator: "source-a" as OperatorId, counters: { lateRecords: 2, badLines: 3 }, gauges: {}, histograms: {} },
    ],
    ...change,
  };
}

test("a job without checkpoints takes no savepoint, and goes on", async () => {
  of.worker("w1", 1);
  const job = await of.submit(plannedJob(oneRegion, 1));
  await expect(service.savepoint(job.id, {})).rejects.toThrow("takes no checkpoints");
  expect(service.checkpoints(job.id)).toMatchObject({ counts: { total: 0 }, latest: { savepoint: null } });
  expect(await service.savepoint("none" as JobId, {})).toBeUndefined();
});

describe("submitting", () => {
  test("is prepared when it is announced: a planner, and threads on the workers where they would be placed", () => {
    const workers = [of.worker("w1", 3), of.worker("w2", 8), of.worker("w3", 30)];
    const prepared = (): unknown[] =>
      workers.map(({ got }) => got.splice(0).flatMap((message) => (message.kind === "prepare" ? [message.slots] : [])));
    service.expectSubmission({});
    expect(expected).toEqual(["a request"]);
    expect(
      prepared()
        .flat(2)
        .reduce((sum: number, slots) => sum + Number(slots), 0),
    ).toBe(4);
    service.expectSubmission({ parallelism: 1 });
    expect(prepared()).toEqual([[1], [], []]);
    service.expectSubmission({ parallelism: 1_000 });
    expect(
      prepared()
        .flat(2)
        .reduce((sum: number, slots) => sum + Number(slots), 0),
    ).toBe(16);
  });

  test("is announced to no worker that has nothing free, and to none at all", () => {
    service.expectSubmission({});
    const worker = of.worker("w1", 2);
    service.expectSubmission({});
    expect(worker.got.filter(({ kind }) => kind === "prepare")).toEqual([{ kind: "prepare", slots: 2 }]);
  });

  test.each([
    ["as threads start while it is found out what an attempt goes on from", {}, ["prepare", "deploy"]],
    ["but for one whose threads have a heap of another size", { slotHeapMb: 64 }, ["deploy"]],
  ])("workers are told of slots before they get them, %s", async (_, heap, told) => {
    const worker = of.worker("w1", 2);
    await soon(service.submit({ ...request, ...heap }));
    await of.pass(100);
    expect(worker.got.map(({ kind }) => kind).filter((kind) => kind === "prepare" || kind === "deploy")).toEqual(told);
  });

  test("where state is, is the submission's to say before the job's", async () => {
    const summary = await soon(service.submit({ ...request, state: { backend: "level", memory: "2MB" } }));
    const worker = of.worker("w1", 2);
    await of.pass(100);
    const deployed = worker.got.find(({ kind }) => kind === "deploy");
    expect(deployed).toMatchObject({ deployment: { state: { backend: "level", memoryBytes: 2 * 1024 * 1024 } } });
    expect(summary.name).toBe("program");
  });

  test("a job is planned with what was asked for, and then waits or runs", async () => {
    const params = { parallelism: 3, params: { size: 1 }, paramTexts: ["name=x"] };
    const summary = await soon(service.submit({ ...request, ...params, slotHeapMb: 64 }));
    expect(planned).toEqual([{ bundle: join(folder, "bundles", `${bundle}.mjs`), ...params }]);
    expect(summary).toMatchObject({ name: "program", restarts: 0, "end-time": -1, tasks: { total: 1, created: 1 } });
    await of.pass(100);
    expect(service.job(summary.jid as JobId)).toMatchObject({
      state: "WAITING",
      failure: { code: "SLOTS_MISSING", message: expect.stringContaining("waits: it needs 1 slot, 0 of 0") },
    });
    expect(service.config(summary.jid as JobId)?.["execution-config"]).toMatchObject({
      "slot-heap-mb": 64,
      "working-directory": "/work",
      bundle,
    });
  });

  test.each([
    ["a bundle that is not there", { ...request, bundle: "0".repeat(64) as BundleHash }, "NOT_FOUND"],
    ["a bundle of no hash", { ...request, bundle: "../token" as BundleHash }, "NOT_FOUND"],
    ["a folder that depends on where the coordinator runs", { ...request, workingDirectory: "data" }, "BAD_OPTION"],
  ])("%s is refused", async (_, wrong, refusal) => {
    await expect(soon(service.submit(wrong))).rejects.toMatchObject({ code: refusal });
    expect(planned).toEqual([]);
    expect(service.jobs()).toEqual([]);
  });

  test("what is wrong with the program is the answer", async () => {
    plan = () => Promise.reject(new MillraceError("EMPTY_JOB", "no sink"));
    await expect(soon(service.submit(request))).rejects.toMatchObject({ code: "EMPTY_JOB" });
    expect(service.jobs()).toEqual([]);
  });

  test("two are planned at a time, and those that wait are bounded", async () => {
    const { promise, resolve } = Promise.withResolvers<PlannedJob>();
    plan = () => promise;
    const all = Array.from({ length: 103 }, () => service.submit(request));
    await expect(soon(all.at(-1) as Promise<JobSummaryView>)).rejects.toMatchObject({ code: "NOT_READY" });
    while (planned.length < 2) await of.pass(5);
    for (let at = 0; at < 20; at++) await of.pass(5);
    expect(planned).toHaveLength(2);
    resolve(plannedJob(oneRegion, 1));
    await soon(Promise.all(all.slice(0, -1)));
    expect(service.jobs()).toHaveLength(102);
  });
});

test("what was accepted holds for a coordinator that takes over", async () => {
  const worker = of.worker("w1", 1);
  const { jid } = await soon(service.submit(request));
  await of.pass(100);
  worker.run();
  expect(await soon(service.cancel(jid as JobId))).toBe(true);
  of.kill();
  const again = await new ScriptedCluster({}, of).start();
  await again.pass(100);
  expect(again.cluster.job(jid as JobId)?.status).toBe("CANCELED");
});

describe("what is shown", () => {
  async function running(): Promise<{ id: JobId; worker: ReturnType<ScriptedCluster["worker"]>; attempt: AttemptId }> {
    const worker = of.worker("w1", 3, { zone: "a" });
    const { jid } = await soon(service.submit(request));
    await of.pass(100);
    worker.run();
    return { id: jid as JobId, worker, attempt: worker.deployments[0]?.attempt as AttemptId };
  }

  test("the cluster in numbers, and its workers", async () => {
    const { worker } = await running();
    worker.beat();
    expect(service.overview()).toMatchObject({ workers: 1, "slots-total": 3, "slots-available": 2, "jobs-running": 1 });
    expect(service.workers()).toEqual([
      {
        ...{ id: "w1", path: "host:1", host: "host", pid: 1, epoch: worker.epoch, timeSinceLastHeartbeat: 0 },
        ...{ slotsNumber: 3, freeSlots: 2, labels: { zone: "a" }, memoryBytes: 1, rssBytes: 7 },
        ...{ exchange: "unix:/w1", status: "ACTIVE" },
      },
    ]);
  });

  test("a subtask's numbers, and its shares of the time between two reports", async () => {
    const { id, worker, attempt } = await running();
    worker.slot(attempt, 0, { kind: "report", subtasks: [report()], busyMs: 60 });
    const later = report({ recordsIn: 200, busyMs: 80, idleMs: 90, backpressuredMs: 30 });
    worker.slot(attempt, 0, { kind: "report", subtasks: [later], busyMs: 80 });
    const subtask = service.vertex(id, "source-a")?.subtasks[0];
    expect(subtask).toMatchObject({ status: "RUNNING", attempt: 0, endpoint: "host:1", "taskmanager-id": "w1" });
    expect(subtask?.metrics).toEqual({
      ...{ "read-records": 200, "read-bytes": 1_000, "write-records": 90, "write-bytes": 900 },
      ...{ "accumulated-busy-time": 80, "accumulated-idle-time": 90, "accumulated-backpressured-time": 30 },
      ...{ "late-records": 2, "dropped-records": 5, busy: 0.2, idle: 0.6, backpressured: 0.2, watermark: 1_234 },
    });
    expect(service.job(id)?.vertices[0]).toMatchObject({ status: "RUNNING", metrics: { "read-records": 200 } });
    expect(service.vertex(id, "nothing")).toBeUndefined();
  });

  test("what has ended, after the coordinator has restarted too", async () => {
    const { id, worker, attempt } = await running();
    const end = report({ watermark: Number.POSITIVE_INFINITY });
    worker.slot(attempt, 0, { kind: "report", subtasks: [end], busyMs: 60 });
    worker.end();
    await of.pass(100);
    const shown = service.result(id);
    expect(shown).toMatchObject({ state: "FINISHED", error: null });
    // What JSON lacks would be refused by clients.
    expect(JSON.parse(JSON.stringify(shown))).toEqual(shown);
    expect(service.job(id)).toMatchObject({ state: "FINISHED", tasks: { total: 1, finished: 1 } });
    of.kill();
    const again = await new ScriptedCluster({}, of).start();
    expect(again.cluster.job(id)?.reports.subtasks()).toEqual([end]);
  });

  test("exceptions with where they happened, the latest first", async () => {
    const { id, worker, attempt } = await running();
    const origin = { subtask: 0, parallelism: 2, attempt: 1 };
    const error = { ...failed("boom"), operator: "source-a", origin, cause: failed("why", null) };
    worker.slot(attempt, 0, { kind: "failed", error });
    const [entry] = service.exceptions(id)?.exceptionHistory.entries ?? [];
    expect(entry).toMatchObject({
      ...{
        exceptionName: "USER_FUNCTION",
        taskName: "source-a (1/2)",
        endpoint: "host:1",
        attempt: 0,
        restarted: true,
      },
      stacktrace: "MillraceError: boom\nCaused by: TypeError: why",
    });
    expect(service.job(id)).toMatchObject({ state: "RESTARTING", failure: { message: "boom" } });
  });

  test("printed text and log lines, and when no more will come", async () => {
    const { id, worker, attempt } = await running();
    worker.slot(attempt, 0, { kind: "printed", stream: "stdout", text: "hello", serial: 1 });
    expect(worker.got.at(-1)).toMatchObject({ message: { kind: "collected", serial: 1 } });
    worker.slot(attempt, 0, { kind: "log", level: "warn", message: "careful", fields: { n: 1 } });
    await logs.flushed(id);
    const page = await service.log(id, 0);
    expect(page?.ended).toBe(false);
    expect(page?.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
      "info job WAITING",
      "info job RUNNING",
      "out hello",
      "warn careful",
    ]);
    worker.end();
    await of.pass(100);
    const rest = await service.log(id, page?.next ?? 0);
    expect(rest).toMatchObject({ lines: [{ message: "job FINISHED" }], ended: true });
  });

  test("what its plan warns of", async () => {
    const { id } = await of.submit({ ...plannedJob(oneRegion, 1), warnings: ["too rare"] });
    await logs.flushed(id);
    const lines = (await service.log(id, 0))?.lines.map(({ level, message }) => `${level} ${message}`);
    expect(lines).toEqual(["warn too rare", "info job WAITING"]);
  });

  test("rows of a sink, and none of what is no operator", async () => {
    const { id, worker, attempt } = await running();
    worker.slot(attempt, 0, { kind: "collect", operator: "rows-of-source-a", rows: [{ id: 1 }, { id: 2 }], serial: 1 });
    while (service.result(id)?.collected["rows-of-source-a"] !== 2) await of.pass(5);
    expect(await service.rows(id, "rows-of-source-a", 1, 10)).toEqual([{ id: 2 }]);
    expect(await service.rows(id, "../../token", 0, 10)).toBeUndefined();
    expect(await service.rows("job-0" as JobId, "rows-of-source-a", 0, 10)).toBeUndefined();
  });

  test("the plan with its edges", async () => {
    plan = async () => plannedJob(twoRegions, 2);
    const { jid } = await soon(service.submit(request));
    expect(service.job(jid as JobId)?.plan.nodes.map(({ id, inputs }) => [id, inputs])).toEqual([
      ["source-a", []],
      ["source-b", []],
      ["count", [{ num: 0, id: "source-b", ship_strategy: "HASH" }]],
    ]);
    expect(service.explain(jid as JobId)).toBe("the plan");
  });
});

describe("bundles", () => {
  test("one that a job needs is not deleted, others are", async () => {
    const { jid } = await soon(service.submit(request));
    await expect(service.deleteBundle(bundle)).rejects.toMatchObject({ code: "BUNDLE_IN_USE" });
    expect(await soon(service.cancel(jid as JobId))).toBe(true);
    await of.pass(100);
    expect(await service.cancel(jid as JobId)).toBe(false);
    expect(await service.deleteBundle(bundle)).toBe(true);
    expect(await service.bundles()).toEqual([]);
  });

  test("one that is being planned is not deleted", async () => {
    const { promise, resolve } = Promise.withResolvers<PlannedJob>();
    plan = () => promise;
    const submitted = service.submit(request);
    await expect(service.deleteBundle(bundle)).rejects.toMatchObject({ code: "BUNDLE_IN_USE" });
    resolve(plannedJob(oneRegion, 1));
    await soon(submitted);
  });
});

test("what there is not is undefined", async () => {
  const id = "job-0" as JobId;
  const all = [service.job(id), service.explain(id), service.exceptions(id), service.config(id), service.result(id)];
  expect(
    [...all, await service.cancel(id), await service.stop(id), await service.log(id, 0)].every(
      (each) => each === undefined,
    ),
  ).toBe(true);
});
