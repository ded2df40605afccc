import { describe, expect, test } from "vitest";
import type { VertexId } from "../../../core/ids.ts";
import type { AttemptId, BundleHash, ClusterId, WorkerId } from "../../../runtime/cluster-ids.ts";
import { CONTROL_PROTOCOL } from "../../../runtime/cluster-protocol.ts";
import type { JobManager } from "../../../runtime/coordinator/job-manager.ts";
import { WorkerRegistry } from "../../../runtime/coordinator/worker-registry.ts";
import { failed } from "./fixtures/errors.ts";
import { oneRegion, plannedJob, twoRegions } from "./fixtures/planned-jobs.ts";
import { ScriptedCluster, type ScriptedWorker, submission } from "./fixtures/scripted-cluster.ts";

const small = plannedJob(oneRegion, 1);
const large = plannedJob(oneRegion, 3);
const gpu = plannedJob(oneRegion, 1, { slotLabels: [{ gpu: true }] });
const two = plannedJob(twoRegions, 1);

/** Time passes, and the workers are heard all the while. */
async function passWith(of: ScriptedCluster, ms: number, ...workers: readonly ScriptedWorker[]): Promise<void> {
  for (let left = ms; left > 0; left -= 500) {
    for (const worker of workers) worker.beat();
    await of.pass(Math.min(left, 500));
  }
}

function codes(job: JobManager): (string | undefined)[] {
  return job.record.exceptions.entries.map(({ error }) => error.code);
}

describe("waiting for slots", () => {
  test("a job runs when its slots run, and has finished when they have ended", async () => {
    const of = await new ScriptedCluster().start();
    const worker = of.worker("w1", 1);
    const job = await of.submit(small);
    expect(job.status).toBe("RUNNING");
    worker.run();
    worker.end();
    await of.pass(100);
    expect(job.status).toBe("FINISHED");
    expect(of.cluster.slots.count(worker.id, "free")).toBe(1);
    expect(of.disk.jobs.get(job.id)?.record.status).toBe("FINISHED");
  });

  test("a small job does not overtake a large one that waits for slots in use", async () => {
    const of = await new ScriptedCluster().start();
    const worker = of.worker("w1", 3);
    const [first, second, third] = [await of.submit(small), await of.submit(large), await of.submit(small)];
    expect([first, second, third].map(({ status }) => status)).toEqual(["RUNNING", "WAITING", "WAITING"]);
    worker.run();
    worker.end();
    await of.pass(100);
    expect([second, third].map(({ status }) => status)).toEqual(["RUNNING", "WAITING"]);
  });

  test("a job that waits for workers that are not there lets others pass", async () => {
    const of = await new ScriptedCluster().start();
    of.worker("w1", 1);
    const [first, second] = [await of.submit(gpu), await of.submit(small)];
    expect([first.status, second.status]).toEqual(["WAITING", "RUNNING"]);
    of.worker("w2", 1, { gpu: true });
    await of.pass(100);
    expect(first.status).toBe("RUNNING");
  });

  test("without slots in time it fails and says which are missing", async () => {
    const of = await new ScriptedCluster().start();
    const worker = of.worker("w1", 2);
    const job = await of.submit(gpu);
    await passWith(of, 31_000, worker);
    expect(job.status).toBe("FAILED");
    expect(job.life.cause).toMatchObject({
      code: "SLOTS_MISSING",
      message:
        'job "program" needs 1 slot, 2 of 2 on 1 worker are free; slot 1 needs a worker with gpu=true, no worker has it; they did not come within 30000 ms',
    });
  });

  test("who waits for slots in use waits as long as the others take", async () => {
    const of = await new ScriptedCluster().start();
    const worker = of.worker("w1", 3);
    const [first, second, third] = [await of.submit(small), await of.submit(large), await of.submit(small)];
    worker.run();
    await passWith(of, 100_000, worker);
    // One that fits is not let past the other either.
    expect([first, second, third].map(({ status }) => status)).toEqual(["RUNNING", "WAITING", "WAITING"]);
    worker.end();
    await of.pass(100);
    expect([second, third].map(({ status }) => status)).toEqual(["RUNNING", "WAITING"]);
  });

  test("whose workers go while it waits for others has the whole time from then on", async () => {
    const of = await new ScriptedCluster().start();
    const [one, other] = [of.worker("w1", 2), of.worker("w2", 1)];
    const holder = await of.submit(small);
    for (const worker of [one, other]) if (worker.deployments.length > 0) worker.run();
    const job = await of.submit(large);
    await passWith(of, 20_000, one, other);
    expect([holder.status, job.status]).toEqual(["RUNNING", "WAITING"]);
    await passWith(of, 29_000, one);
    expect(job.status).toBe("WAITING");
    await passWith(of, 35_000, one);
    expect(job.life.cause).toMatchObject({ code: "SLOTS_MISSING", message: expect.stringContaining("1 worker") });
  });

  test("a suspected worker gets nothing new", async () => {
    const of = await new ScriptedCluster().start();
    const worker = of.worker("w1", 1);
    worker.beat();
    await of.pass(2_000);
    const job = await of.submit(small);
    expect(job.status).toBe("WAITING");
    worker.beat();
    of.worker("w2", 1);
    await of.pass(100);
    expect(job.status).toBe("RUNNING");
  });

  test("an attempt is deployed when its number is safe in the store, not before", async () => {
    const of = await new ScriptedCluster().start();
    const worker = of.worker("w1", 1);
    const submitted = of.cluster.submit(small, submission);
    while (worker.deployments.length === 0) {
      await of.pass(1);
      const stored = [...of.disk.jobs.values()].some(({ record }) => record.regions[0]?.attempt === 1);
      expect(worker.deployments.length === 0 || stored).toBe(true);
    }
    expect(worker.deployments[0]).toMatchObject({ attemptNumber: 1, jobId: (await submitted).id });
  });
});

describe("what slots say", () => {
  test("a split that is asked for is dealt by the slot of the source's first subtask, and goes to who asked", async () => {
    const of = await new ScriptedCluster().start();
    const [one, other] = [of.worker("w1", 1), of.worker("w2", 1)];
    await of.submit(plannedJob(oneRegion, 2));
    for (const worker of [one, other]) worker.run();
    const vertex = "source-a" as VertexId;
    const { attempt } = other.deployments[0] ?? { attempt: "" as AttemptId };
    other.slot(attempt, 1, { kind: "requestSplit", vertex, subtask: 1 });
    const dealSplit = { kind: "dealSplit", vertex, subtask: 1 };
    expect(one.got.at(-1)).toEqual({ kind: "toSlot", attempt, slot: 0, message: dealSplit });
    one.slot(attempt, 0, { kind: "splitDealt", vertex, subtask: 1, split: { file: "a" }, none: false });
    const split = { kind: "split", vertex, subtask: 1, split: { file: "a" }, none: false };
    expect(other.got.at(-1)).toEqual({ kind: "toSlot", attempt, slot: 1, message: split });
  });

  test("how far a source's subtask is hears the other one that waits for it", async () => {
    const of = await new ScriptedCluster().start();
    const [one, other] = [of.worker("w1", 1), of.worker("w2", 1)];
    await of.submit(plannedJob(oneRegion, 2));
    for (const worker of [one, other]) worker.run();
    const vertex = "source-a" as VertexId;
    const { attempt } = other.deployments[0] ?? { attempt: "" as AttemptId };
    one.slot(attempt, 0, { kind: "align", group: "g", vertex, subtask: 0, watermark: 70 });
    other.slot(attempt, 1, { kind: "align", group: "g", vertex, subtask: 1, watermark: 50 });
    expect(one.got.at(-1)).toMatchObject({ slot: 0, message: { kind: "aligned", vertex, subtask: 0, watermark: 50 } });
    expect(other.got.at(-1)).toMatchObject({
      slot: 1,
      message: { kind: "aligned", vertex, subtask: 1, watermark: 70 },
    });
  });

  test("rows are answered when they are kept, and counted", async () => {
    const of = await new ScriptedCluster().start();
    const worker = of.worker("w1", 1);
    const job = await of.submit(small);
    worker.run();
    const attempt = worker.deployments[0]?.attempt as AttemptId;
    worker.slot(attempt, 0, { kind: "collect", operator: "rows-of-source-a", rows: [1, 2], serial: 5 });
    expect(worker.got.filter(({ kind }) => kind === "toSlot")).toEqual([]);
    await of.pass(100);
    expect(worker.got.at(-1)).toEqual({ kind: "toSlot", attempt, slot: 0, message: { kind: "collected", serial: 5 } });
    expect(job.record.collected).toEqual({ "rows-of-source-a": 2 });
  });

  test("another worker's slot, attempt or epoch counts for nothing", async () => {
    const of = await new ScriptedCluster().start();
    const [worker, other] = [of.worker("w1", 1), of.worker("w2", 1)];
    const job = await of.submit(small);
    worker.run();
    const attempt = worker.deployments[0]?.attempt as AttemptId;
    other.slot(attempt, 0, { kind: "failed", error: failed("not mine") });
    worker.slot("job/0/9" as AttemptId, 0, { kind: "failed", error: failed("no attempt") });
    worker.slot(attempt, 7, { kind: "failed", error: failed("no slot") });
    worker.says({ kind: "slotEnded", attempt, slot: 0, lost: undefined }, worker.epoch - 1);
    expect(job.status).toBe("RUNNING");
    expect(codes(job)).toEqual([]);
    expect(of.cluster.staleMessages).toBe(4);
  });

  test("a bundle is sent to who wants it, and its absence is told", async () => {
    const of = await new ScriptedCluster().start();
    const worker = of.worker("w1", 1);
    for (const hash of [submission.bundle, "0".repeat(64) as BundleHash]) worker.says({ kind: "bundleWanted", hash });
    await of.pass(10);
    const bundles = worker.got.filter((message) => message.kind === "bundle");
    expect(bundles.map(({ code }) => code?.length)).toEqual([1, undefined]);
  });
});

describe("failures", () => {
  test("a lost worker's regions restart elsewhere, others run on undisturbed", async () => {
    const of = await new ScriptedCluster().start();
    const [one, other] = [of.worker("w1", 1), of.worker("w2", 2)];
    const job = await of.submit(two);
    for (const worker of [one, other]) worker.run();
    const lost = job.regions.findIndex(({ index }) => job.runOf(index)?.placements[0]?.worker === one.id);
    of.cluster.connectionLost(one.id, one.epoch);
    expect(job.status).toBe("RESTARTING");
    await passWith(of, 1_000, other);
    other.run();
    expect(job.status).toBe("RUNNING");
    expect(job.life.regions.map(({ restarts }) => restarts)).toEqual(lost === 0 ? [1, 0] : [0, 1]);
    expect(codes(job)).toEqual(["WORKER_LOST"]);
    expect(job.record.exceptions.entries[0]).toMatchObject({ worker: "w1", endpoint: "host:1", restarted: true });
    expect(other.deployments.at(-1)).toMatchObject({ attemptNumber: 2 });
  });

  test("a worker lost between placement and deployment costs no restart", async () => {
    const of = await new ScriptedCluster().start();
    const [one, other] = [of.worker("w1", 1), of.worker("w2", 1)];
    const submitted = of.cluster.submit(small, submission);
    while (of.cluster.slots.taken().length === 0) await of.pass(1);
    const [taken] = of.cluster.slots.taken();
    const [lost, left] = taken?.worker === one.id ? [one, other] : [other, one];
    of.cluster.connectionLost(lost.id, lost.epoch);
    await of.pass(200);
    const job = await submitted;
    expect(left.deployments).toMatchObject([{ attemptNumber: 2 }]);
    expect(lost.deployments).toEqual([]);
    expect(job.life.regions[0]?.restarts).toBe(0);
    expect(codes(job)).toEqual([]);
  });

  test("rows that were being kept when their attempt ended are not counted for the next", async () => {
    const of = await new ScriptedCluster().start();
    const worker = of.worker("w1", 1);
    const job = await of.submit({ ...small, restart: { kind: "fixedDelay", attempts: 1, delay: "0ms" } });
    worker.run();
    const attempt = worker.deployments[0]?.attempt as AttemptId;
    worker.slot(attempt, 0, { kind: "collect", operator: "rows-of-source-a", rows: [1, 2], serial: 5 });
    worker.end(undefined, failed("heap", "SLOT_LOST"));
    await of.pass(200);
    expect(worker.deployments).toHaveLength(2);
    expect(job.record.collected).toEqual({});
    expect(of.disk.rows.get(`${job.id}/rows-of-source-a`)).toBeUndefined();
  });

  test("a region starts again only when the slots of its last attempt have ended", async () => {
    const of = await new ScriptedCluster().start();
    const [one, other] = [of.worker("w1", 2), of.worker("w2", 2)];
    await of.submit(plannedJob(oneRegion, 2));
    for (const worker of [one, other]) worker.run();
    one.end(undefined, failed("heap", "SLOT_LOST"));
    await passWith(of, 900, one, other);
    expect(other.ends).toEqual([`cancel ${other.deployments[0]?.attempt}`]);
    expect([...one.deployments, ...other.deployments]).toHaveLength(2);
    other.end();
    await passWith(of, 1_000, one, other);
    expect([...one.deployments, ...other.deployments]).toHaveLength(4);
  });

  test("a link that broke as its peer died is the peer's loss", async () => {
    const of = await new ScriptedCluster().start();
    const [one, other] = [of.worker("w1", 1), of.worker("w2", 1)];
    const job = await of.submit(plannedJob(oneRegion, 2));
    const attempt = one.deployments[0]?.attempt as AttemptId;
    const broke = { kind: "linkLost", peer: other.id, attempts: [attempt], reason: "closed" } as const;
    one.says(broke);
    of.cluster.connectionLost(other.id, other.epoch);
    await of.pass(300);
    expect(codes(job)).toEqual(["WORKER_LOST"]);
  });

  test("a link that broke alone is named", async () => {
    const of = await new ScriptedCluster().start();
    const [one, other] = [of.worker("w1", 1), of.worker("w2", 1)];
    const job = await of.submit(plannedJob(oneRegion, 2));
    const attempt = one.deployments[0]?.attempt as AttemptId;
    one.says({ kind: "linkLost", peer: other.id, attempts: [attempt], reason: "closed" });
    await of.pass(300);
    expect(job.record.exceptions.entries[0]?.error).toMatchObject({
      code: "LINK_LOST",
      message: "the exchange between host:1 and host:2 broke: closed",
    });
  });

  test("slots that never run are a failure", async () => {
    const of = await new ScriptedCluster().start();
    const worker = of.worker("w1", 1);
    const job = await of.submit(small);
    await passWith(of, 21_000, worker);
    expect(codes(job)).toEqual(["SLOT_STUCK"]);
  });

  test("the history is bounded and says that it was cut", async () => {
    const of = await new ScriptedCluster().start();
    const worker = of.worker("w1", 1);
    const restart = { kind: "fixedDelay", attempts: 50, delay: "1ms" } as const;
    const job = await of.submit({ ...small, restart });
    for (let at = 0; at < 40; at++) {
      worker.run();
      worker.end(undefined, failed(`failure ${at}`));
      await of.pass(200);
    }
    const { entries, truncated } = job.record.exceptions;
    expect([entries.length, truncated]).toEqual([32, 8]);
    expect(entries.at(-1)?.error.message).toBe("failure 39");
  });
});

describe("ending a job", () => {
  test("cancelled slots are killed after a grace, and a worker that cannot do that is taken for lost", async () => {
    const of = await new ScriptedCluster().start();
    const worker = of.worker("w1", 1);
    const job = await of.submit(small);
    worker.run();
    const attempt = worker.deployments[0]?.attempt;
    expect(job.cancel()).toBe(true);
    expect(worker.ends).toEqual([`cancel ${attempt}`]);
    await passWith(of, 1_100, worker);
    expect(worker.ends).toEqual([`cancel ${attempt}`, `kill ${attempt}`]);
    expect(job.status).toBe("CANCELLING");
    await passWith(of, 2_100, worker);
    expect(worker.closed).toBe(true);
    expect(job.status).toBe("CANCELED");
    expect(job.cancel()).toBe(false);
  });

  test("stopped, its slots are told so, and it finishes", async () => {
    const of = await new ScriptedCluster().start();
    const worker = of.worker("w1", 1);
    const job = await of.submit(small);
    worker.run();
    expect(job.stop()).toBe(true);
    expect(worker.ends).toEqual([`stop ${worker.deployments[0]?.attempt}`]);
    worker.end();
    await of.pass(100);
    expect(job.status).toBe("FINISHED");
  });

  test("only the newest ended jobs are kept", async () => {
    const of = await new ScriptedCluster({ jobsRetained: 2 }).start();
    const jobs: JobManager[] = [];
    for (let at = 0; at < 4; at++) {
      jobs.push(await of.submit(small));
      jobs.at(-1)?.cancel();
      await of.pass(100);
    }
    expect(of.deleted).toEqual(jobs.slice(0, 2).map(({ id }) => id));
    expect([...of.disk.jobs.keys()]).toEqual(jobs.slice(2).map(({ id }) => id));
    expect(of.cluster.jobs).toEqual(jobs.slice(2));
  });
});

describe("a coordinator that restarts", () => {
  test("goes on with new attempts that nobody counts, in later epochs", async () => {
    const before = await new ScriptedCluster().start();
    const worker = before.worker("w1", 1);
    const { id } = await before.submit(small);
    worker.run();
    before.kill();
    const of = await new ScriptedCluster({}, before).start();
    expect(of.cluster.job(id)?.status).toBe("WAITING");
    const again = of.worker("w1", 1);
    await of.pass(100);
    expect(again.epoch).toBeGreaterThan(worker.epoch);
    expect(again.deployments[0]).toMatchObject({ attemptNumber: 2 });
    again.run();
    expect(of.cluster.job(id)?.status).toBe("RUNNING");
    expect(of.cluster.job(id)?.life.regions[0]?.restarts).toBe(0);
  });

  test("remembers what ended, and what was to end", async () => {
    const before = await new ScriptedCluster().start();
    const worker = before.worker("w1", 3);
    const finished = await before.submit(small);
    worker.run();
    worker.end();
    const cancelled = await before.submit(small);
    const stopped = await before.submit(small);
    for (const deployment of worker.deployments.slice(1)) worker.run(deployment);
    cancelled.cancel();
    stopped.stop();
    await before.pass(100);
    before.kill();
    const of = await new ScriptedCluster({}, before).start();
    await of.pass(100);
    const statuses = [finished, cancelled, stopped].map(({ id }) => of.cluster.job(id)?.status);
    expect(statuses).toEqual(["FINISHED", "CANCELED", "CANCELED"]);
  });

  test("leaves a finished region alone", async () => {
    const before = await new ScriptedCluster().start();
    const worker = before.worker("w1", 2);
    const { id } = await before.submit(two);
    for (const deployment of worker.deployments) worker.run(deployment);
    worker.end(worker.deployments[0]);
    await before.pass(100);
    before.kill();
    const of = await new ScriptedCluster({}, before).start();
    const again = of.worker("w1", 2);
    await of.pass(100);
    expect(again.deployments.map(({ attempt }) => attempt)).toEqual([`${id}/1/2`]);
  });
});

describe("the store fails", () => {
  test("a job that cannot be stored is refused, and so are all after it", async () => {
    const full = new Error("no space left on device");
    const healthy = new ScriptedCluster();
    const { store } = healthy.disk.open(() => false);
    const failing = { cluster: store.cluster, generation: 7, jobs: store.jobs, save: store.save, remove: store.remove };
    const of = await new ScriptedCluster({ store: { ...failing, create: () => Promise.reject(full) } }).start();
    await expect(of.cluster.submit(small, submission)).rejects.toMatchObject({ code: "STORE_FAILED" });
    expect(of.cluster.ready).toBe(false);
    await expect(of.cluster.submit(small, submission)).rejects.toThrow("takes no submissions");
    expect(of.cluster.jobs).toEqual([]);
  });

  test("before it has looked into its store, it takes nothing", async () => {
    const of = new ScriptedCluster();
    await expect(of.cluster.submit(small, submission)).rejects.toMatchObject({ code: "NOT_READY" });
  });
});

test("a worker that is silent for too long is lost with its connection", async () => {
  const of = await new ScriptedCluster().start();
  const worker = of.worker("w1", 1);
  worker.beat();
  await of.pass(3_600);
  expect(worker.closed).toBe(true);
  expect(of.cluster.workers).toEqual([]);
  expect(of.cluster.slots.count("w1" as WorkerId)).toBe(0);
});

test("what is meant for a worker's earlier epoch does not reach its present one", () => {
  const { world } = new ScriptedCluster();
  const registry = new WorkerRegistry({
    ...{ clock: world.clock, cluster: "sim" as ClusterId, version: "test", generation: 1 },
    ...{ heartbeatEveryMs: 500, heartbeatTimeoutMs: 3_000, joined: () => {}, lost: () => {} },
  });
  const got: number[] = [];
  const connection = { send: ({ epoch }: { readonly epoch: number }) => void got.push(epoch), close: () => {} };
  const description = {
    ...{ worker: "w1" as WorkerId, host: "host", pid: 1, slots: 1, labels: {}, memoryBytes: 1 },
    exchange: { kind: "unix" as const, path: "/w1" },
  };
  const epochs = [1, 2].map(() => {
    const hello = { kind: "hello" as const, protocol: CONTROL_PROTOCOL, version: "test", description };
    const greeting = registry.hello(hello, connection);
    return greeting.kind === "welcome" ? greeting.epoch : 0;
  });
  for (const epoch of epochs) registry.send(description.worker, epoch, { kind: "shutdown", reason: "test" });
  expect(got).toEqual([epochs[1]]);
});
