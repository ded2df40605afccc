import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { RESTARTS_MAX, WorkerProcesses } from "../../../runtime/cli/worker-processes.ts";
import { tempFolder } from "../../connectors/temp-folder.ts";

const folder = tempFolder();

/** Writes what it was told to a file of its own process, ends by SIGTERM or when its input closes. */
const worker = folder.write(
  "worker.mjs",
  `import { writeFileSync } from "node:fs";
   process.stdin.on("data", (line) => writeFileSync(new URL("./told-" + process.pid, import.meta.url), line));
   process.stdin.on("end", () => process.exit(0));
   process.on("SIGTERM", () => process.exit(0));`,
);
const fails = folder.write("fails.mjs", "process.exit(7);");
const stubborn = folder.write(
  "stubborn.mjs",
  'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.error("up");',
);

function start(script: string, count: number) {
  const said: string[] = [];
  const command: [string, ...string[]] = [process.execPath, script];
  const workers = new WorkerProcesses({ count, command, say: (text) => said.push(text), restartAfterMs: 10 });
  return { workers, said };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function told(pid: number): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  for (;;) {
    const text = await readFile(join(folder.path, `told-${pid}`), "utf8").catch(() => "");
    if (text !== "") return text;
    await sleep(10);
  }
}

describe("the workers of a cluster", () => {
  test("start at once, are told where the coordinator is, and end when they are told to", async () => {
    const { workers, said } = start(worker, 2);
    const pids = workers.pids();
    expect(new Set(pids).size).toBe(2);
    workers.greet("127.0.0.1:8081");
    expect(await Promise.all(pids.map(told))).toEqual(["127.0.0.1:8081\n", "127.0.0.1:8081\n"]);
    await workers.stop();
    expect(pids.some(isAlive)).toBe(false);
    expect(workers.pids()).toEqual([]);
    expect(said).toEqual([]);
  });

  test("one that is killed is started again, told the same, and said so", async () => {
    const { workers, said } = start(worker, 1);
    workers.greet("here");
    const [first = 0] = workers.pids();
    await told(first);
    process.kill(first, "SIGKILL");
    await until(() => workers.pids().some((pid) => pid !== first));
    const [second = 0] = workers.pids();
    expect(await told(second)).toBe("here\n");
    expect(said).toEqual([`worker 1 (process ${first}) ended: SIGKILL; it is started again in 10 ms`]);
    await workers.stop();
    expect(isAlive(second)).toBe(false);
  });

  test("one that ends again and again is given up, and the others stay", async () => {
    const { workers, said } = start(fails, 1);
    await until(() => said.length > RESTARTS_MAX);
    expect(said[1]).toMatch(/ended: exit code 7; it is started again in 20 ms$/);
    expect(said.at(-1)).toMatch(/it is not started again, as it has ended 6 times within a minute$/);
    await sleep(50);
    expect(said).toHaveLength(RESTARTS_MAX + 1);
    await workers.stop();
  });

  test("one that waits for its restart is not started when the cluster stops", async () => {
    const said: string[] = [];
    const command: [string, ...string[]] = [process.execPath, fails];
    const workers = new WorkerProcesses({ count: 1, command, say: (text) => said.push(text), restartAfterMs: 60_000 });
    await until(() => said.length === 1);
    await workers.stop();
    expect(workers.pids()).toEqual([]);
  });

  test("kill ends those that do not listen", async () => {
    const { workers } = start(stubborn, 1);
    const [pid = 0] = workers.pids();
    workers.kill();
    await until(() => !isAlive(pid));
    expect(workers.pids()).toEqual([]);
  });

  test("they end when the process that started them is killed", async () => {
    const module = JSON.stringify(join(import.meta.dirname, "../../../runtime/cli/worker-processes.ts"));
    const parent = folder.write(
      "parent.mjs",
      `import { WorkerProcesses } from ${module};
       const workers = new WorkerProcesses({ count: 2, command: [process.execPath, ${JSON.stringify(worker)}], say() {} });
       workers.greet("x");
       process.stdout.write(JSON.stringify(workers.pids()));`,
    );
    const child = spawn(process.execPath, [parent], { stdio: ["ignore", "pipe", "inherit"] });
    const [text] = await once(child.stdout, "data");
    const pids: number[] = JSON.parse(String(text));
    await Promise.all(pids.map(told));
    child.kill("SIGKILL");
    await until(() => !pids.some(isAlive));
    expect(pids).toHaveLength(2);
  });
});
