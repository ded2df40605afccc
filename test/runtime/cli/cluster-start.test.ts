/** `millrace cluster start` as users start it: real processes, which are all gone at the end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { tempFolder } from "../../connectors/temp-folder.ts";

const root = resolve(import.meta.dirname, "../../..");
const command = join(root, "runtime/cli/millrace.ts");
const folder = tempFolder();
const timeout = 120_000;

interface Ready {
  readonly address: string;
  readonly tokenFile: string;
  readonly pid: number;
  readonly workers: readonly { readonly id: string; readonly pid: number; readonly slots: number }[];
}

class Cluster {
  readonly child: ChildProcess;
  readonly exit: Promise<readonly [number | null, NodeJS.Signals | null]>;
  stdout = "";
  stderr = "";

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [command, ...args], {
      cwd: folder.path,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    this.child.stdout?.on("data", (chunk) => {
      this.stdout += chunk;
    });
    this.child.stderr?.on("data", (chunk) => {
      this.stderr += chunk;
    });
    this.exit = once(this.child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
    started.push(this.child);
  }

  async ready(): Promise<Ready> {
    await until(() => this.stdout.endsWith("\n") || this.child.exitCode !== null);
    if (this.child.exitCode !== null) throw new Error(this.stderr);
    return JSON.parse(this.stdout);
  }
}

const started: ChildProcess[] = [];

afterEach(async () => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

function start(...more: readonly string[]): Cluster {
  return new Cluster(["cluster", "start", "--port", "0", "--slots", "1", "--json", ...more]);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(20);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const clusterFile = join(folder.path, ".millrace/cluster.json");

describe("a cluster of this machine", () => {
  test.each(["SIGINT", "SIGTERM"] as const)(
    "is announced when all workers have registered, and ends on %s",
    { timeout },
    async (signal) => {
      const cluster = start("--workers", "2", "--label", "zone=a", "--label", "gpu=true");
      const { address, tokenFile, pid, workers } = await cluster.ready();
      expect(pid).toBe(cluster.child.pid);
      expect(workers.map(({ slots }) => slots)).toEqual([1, 1]);
      expect(JSON.parse(readFileSync(clusterFile, "utf8"))).toEqual({ address, pid, tokenFile });
      const asked = new Cluster(["workers", "--json"]);
      await asked.exit;
      expect(JSON.parse(asked.stdout)).toMatchObject([
        { slotsNumber: 1, freeSlots: 1, labels: { zone: "a", gpu: true } },
        { slotsNumber: 1, freeSlots: 1, labels: { zone: "a", gpu: true } },
      ]);
      cluster.child.kill(signal);
      expect(await cluster.exit).toEqual([0, null]);
      expect(cluster.stderr).toContain(`${signal}: the cluster stops`);
      expect(workers.filter((worker) => isAlive(worker.pid))).toEqual([]);
      expect(existsSync(clusterFile)).toBe(false);
    },
  );

  test("starts a worker again that was killed, and says so", { timeout }, async () => {
    const cluster = start("--workers", "1");
    const { workers } = await cluster.ready();
    const [{ pid: first } = { pid: 0 }] = workers;
    process.kill(first, "SIGKILL");
    const pids = async (): Promise<number[]> => {
      const asked = new Cluster(["workers", "--json"]);
      await asked.exit;
      return (JSON.parse(asked.stdout) as { readonly pid: number }[]).map(({ pid }) => pid);
    };
    let now: number[] = [];
    while (now.length !== 1 || now[0] === first) now = await pids();
    expect(cluster.stderr).toContain(`worker 1 (process ${first}) ended: SIGKILL; it is started again in 250 ms`);
    cluster.child.kill("SIGINT");
    expect(await cluster.exit).toEqual([0, null]);
    expect(now.filter(isAlive)).toEqual([]);
  });

  test("leaves no worker behind when it is killed itself, and can start again in the same folder", {
    timeout,
  }, async () => {
    const cluster = start("--workers", "2");
    const { workers } = await cluster.ready();
    cluster.child.kill("SIGKILL");
    await until(() => !workers.some(({ pid }) => isAlive(pid)));
    const next = start("--workers", "1");
    expect((await next.ready()).workers).toHaveLength(1);
    next.child.kill("SIGTERM");
    expect(await next.exit).toEqual([0, null]);
  });
});

describe("what it cannot start with ends it by name, without a worker", () => {
  test("a port that is taken", { timeout }, async () => {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const cluster = new Cluster(["cluster", "start", "--port", String(port)]);
    const [code] = await cluster.exit;
    server.close();
    expect(cluster.stderr).toMatch(new RegExp(`^error \\w+: .*${port}`, "m"));
    expect(cluster.stdout).toBe("");
    expect(code).toBe(2);
  });

  test("an address that others reach, without TLS", { timeout }, async () => {
    const cluster = new Cluster(["cluster", "start", "--host", "0.0.0.0", "--port", "0"]);
    const [code] = await cluster.exit;
    expect(cluster.stderr).toMatch(/^error INSECURE: /m);
    expect(code).toBe(2);
  });

  test.each([
    ["a duration without a unit", ["--slot-timeout", "5"], /^error: .*'5' is invalid.*a duration such as "5s"/m],
    ["no time at all", ["--heartbeat-every", "0s"], /^error: .*longer than zero/m],
    [
      "a heartbeat timeout that one late heartbeat fills",
      ["--heartbeat-every", "1s", "--heartbeat-timeout", "1.9s"],
      /^error BAD_OPTION: a heartbeat timeout of 1900 ms is too short for a heartbeat every 1000 ms/m,
    ],
  ])("%s", { timeout }, async (_, args, sentence) => {
    const coordinator = new Cluster(["coordinator", "--port", "0", ...args]);
    const [code] = await coordinator.exit;
    expect(coordinator.stderr).toMatch(sentence);
    expect(code).toBe(2);
  });

  test("a data folder that another coordinator has", { timeout }, async () => {
    const first = start("--workers", "1");
    await first.ready();
    const second = start("--workers", "1");
    const [code] = await second.exit;
    expect(second.stderr).toMatch(/^error STORE_LOCKED: /m);
    expect(code).toBe(2);
    expect(existsSync(clusterFile)).toBe(true);
    first.child.kill("SIGTERM");
    expect(await first.exit).toEqual([0, null]);
  });
});
