/** A coordinator that is killed, or told to end, while a job runs: workers, the job, and what had ended before. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { Cluster, eventually, fixturePath, type GatedJob } from "./cluster.ts";
import { endsAllProcesses, isAlive, millrace, Process, workFolder } from "./processes.ts";

endsAllProcesses();

async function gone(pids: readonly number[]): Promise<void> {
  await eventually(`processes ${pids} are gone`, () => !pids.some(isAlive));
}

describe("millrace cluster start, ended while a job runs", async () => {
  const folder = await workFolder();
  const start = (): Promise<Cluster> =>
    Cluster.start({ folder: folder.path, args: ["--workers", "2", "--slots", "1"] });
  let cluster: Cluster;
  let job: GatedJob;
  let before = "";
  let attempt = 1;

  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  test("a job has finished, another one runs", async () => {
    cluster = await start();
    before = await cluster.submit("sums", { params: { count: 1000 } });
    await cluster.reaches(before, "FINISHED");
    job = await cluster.gatedSums();
  });

  test.each([
    ["SIGINT", { code: 0, signal: null }],
    ["SIGTERM", { code: 0, signal: null }],
    ["SIGKILL", { code: null, signal: "SIGKILL" }],
  ] as const)("%s: all processes are gone, and the next start goes on with the next attempt", async (signal, end) => {
    const pids = await cluster.pids();
    expect(pids).toHaveLength(2);
    cluster.main.signal(signal);
    expect(await cluster.main.ended).toEqual(end);
    if (signal === "SIGKILL") await gone(pids);
    else {
      expect(pids.filter(isAlive)).toEqual([]);
      expect(cluster.main.stderr.join("\n")).toContain(`${signal}: the cluster stops; 1 job has not ended (sums)`);
    }
    cluster = await start();
    attempt++;
    await cluster.reaches(job.jid, "RUNNING");
    await cluster.flows(job.jid, "seen");
    // From 0, as Flink counts.
    const { subtasks } = await cluster.client.vertex(job.jid, "sum");
    expect(subtasks.map((subtask) => subtask.attempt)).toEqual([attempt - 1, attempt - 1]);
  });

  test("at last it finishes with the known answer: no restart is counted, and none is in its history", async () => {
    job.open();
    const { restarts } = await cluster.expectSums(job.jid, attempt);
    expect(restarts).toBe(0);
    expect(await cluster.exceptions(job.jid)).toEqual([]);
  });

  test("the job that had finished before is listed with its rows and log", async () => {
    const jobs = await cluster.client.jobs();
    expect(jobs.map(({ jid, state }) => [jid, state])).toEqual([
      [before, "FINISHED"],
      [job.jid, "FINISHED"],
    ]);
    await cluster.expectSums(before, 1);
    const log = await millrace(["logs", before, "--json"], { cwd: folder.path });
    const lines = log.stdout.split("\n").map((line) => JSON.parse(line) as { readonly message: string });
    expect(lines.map(({ message }) => message).join("\n")).toMatch(/FINISHED/);
  });
});

describe("a coordinator of its own, killed with -9 and started again on its port and data", () => {
  test("workers come back as the same in a later epoch; who follows the job sees it end", async () => {
    await using folder = await workFolder();
    const gate = join(folder.path, "gate");
    await using first = await Cluster.coordinator({ folder: folder.path });
    const workers = await Promise.all([first.worker(["--slots", "1"]), first.worker(["--slots", "1"])]);
    const members = await first.client.workers();
    const follower = new Process(["submit", fixturePath("sums"), "--param", `gate=${gate}`, "--json"], {
      cwd: folder.path,
    });
    const jid = await eventually("the job is there", async () => (await first.client.jobs())[0]?.jid);
    await first.flows(jid, "seen");
    await first.main.end();
    await follower.line(/asking again/, "stderr");

    await using second = await Cluster.coordinator({ folder: folder.path, port: first.port });
    expect(second.place.clusterId).toBe(first.place.clusterId);
    for (const { pid, id, epoch } of members) expect((await second.member(pid, epoch)).id).toBe(id);
    expect(workers.map(({ child }) => child.exitCode)).toEqual([null, null]);
    await second.reaches(jid, "RUNNING");
    await second.flows(jid, "seen");
    writeFileSync(gate, "");
    const { restarts } = await second.expectSums(jid, 2);
    expect(restarts).toBe(0);
    expect(await follower.ended).toEqual({ code: 0, signal: null });
    expect(JSON.parse(follower.stdout.join(""))).toMatchObject({ jid, state: "FINISHED" });
  });

  test("SIGTERM of a worker takes it from the cluster at once; of the coordinator leaves the worker waiting", async () => {
    await using folder = await workFolder();
    await using first = await Cluster.coordinator({ folder: folder.path });
    const [stays, goes] = await Promise.all([first.worker(["--slots", "1"]), first.worker(["--slots", "1"])]);
    goes.signal("SIGTERM");
    expect(await goes.ended).toEqual({ code: 0, signal: null });
    await eventually("one is left", async () => (await first.client.workers()).length === 1);
    const { epoch } = await first.member(stays.pid);
    first.main.signal("SIGTERM");
    expect(await first.main.ended).toEqual({ code: 0, signal: null });
    await using second = await Cluster.coordinator({ folder: folder.path, port: first.port });
    expect((await second.member(stays.pid, epoch)).freeSlots).toBe(1);
    stays.signal("SIGINT");
    expect(await stays.ended).toEqual({ code: 0, signal: null });
  });
});
