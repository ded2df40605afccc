/**
 * The cluster as its user waits for it: `cluster start` until it is ready, `submit` until the first record has crossed
 * the exchange, the memory of three idle processes, and 200 rounds of submitting and cancelling.
 *
 * One coordinator, two workers with two slots each; the job has four subtasks, so its records cross processes. "Cold" has
 * an empty compile cache, as after an installation without one; "warm" is every later start. Linux: memory is read from
 * /proc.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { SLOT_SPARE_MS } from "../core/limits.ts";

const command = fileURLToPath(new URL("../runtime/cli/millrace.ts", import.meta.url));
const job = fileURLToPath(new URL("./jobs/first-record.ts", import.meta.url));

const repeatsAt = process.argv.indexOf("--repeats");
const repeats = repeatsAt < 0 ? 5 : Number(process.argv[repeatsAt + 1]);
const rounds = process.argv.includes("--quick") ? 20 : 200;

/** Threads that were started ahead of a submission end when nothing has come for a while. */
const withoutSpares = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SLOT_SPARE_MS + 5000));

/** What `cluster start --json` prints when all is ready. */
interface Ready {
  readonly address: string;
  readonly pid: number;
  readonly workers: readonly { readonly pid: number }[];
}

interface Running {
  readonly child: ChildProcess;
  readonly ready: Ready;
  readonly readyMs: number;
  readonly folder: string;
  readonly cache: string;
}

async function start(folder: string, cache: string): Promise<Running> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [command, "cluster", "start", "--port", "0", "--json"], {
    cwd: folder,
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [line] = (await once(lines, "line")) as [string];
  return { child, ready: JSON.parse(line) as Ready, readyMs: performance.now() - startedAt, folder, cache };
}

async function stop({ child }: Running): Promise<void> {
  child.kill("SIGTERM");
  await once(child, "close");
}

async function millrace({ folder, cache }: Running, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [command, ...args], {
    cwd: folder,
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    out += piece;
  });
  const [code] = (await once(child, "close")) as [number];
  if (code !== 0) throw new Error(`millrace ${args.join(" ")} ended with ${code}`);
  return out;
}

/** From the start of the command until a record had crossed the exchange. */
async function firstRecordMs(cluster: Running): Promise<number> {
  const startedAt = Date.now();
  const { jid } = JSON.parse(await millrace(cluster, ["submit", job, "--detach", "--json"])) as {
    readonly jid: string;
  };
  try {
    for (;;) {
      const log = await millrace(cluster, ["logs", jid, "--json"]);
      const first = log
        .split("\n")
        .filter((line) => line.includes('"out"'))
        .map((line) => /\{\\?"at\\?":(\d+)\}/.exec(line)?.[1])
        .find((at) => at !== undefined);
      if (first !== undefined) return Number(first) - startedAt;
    }
  } finally {
    await millrace(cluster, ["cancel", jid, "--wait", "--json"]);
  }
}

interface Holdings {
  readonly threads: number;
  readonly descriptors: number;
  readonly pssMb: number;
  readonly rssMb: number;
}

async function holdingsOf(pid: number): Promise<Holdings> {
  const memory = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const mb = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(memory)?.[1]) / 1024;
  return {
    threads: (await readdir(`/proc/${pid}/task`)).length,
    descriptors: (await readdir(`/proc/${pid}/fd`)).length,
    pssMb: mb("Pss"),
    rssMb: mb("Rss"),
  };
}

async function holdings({ ready }: Running): Promise<Holdings> {
  const all = await Promise.all([ready.pid, ...ready.workers.map(({ pid }) => pid)].map(holdingsOf));
  const sum = (of: (each: Holdings) => number): number => all.reduce((total, each) => total + of(each), 0);
  return {
    threads: sum(({ threads }) => threads),
    descriptors: sum(({ descriptors }) => descriptors),
    pssMb: sum(({ pssMb }) => pssMb),
    rssMb: sum(({ rssMb }) => rssMb),
  };
}

/** Submits and cancels, with one client, by REST. */
async function submitAndCancel(cluster: Running, times: number): Promise<void> {
  const token = (await readFile(join(cluster.folder, ".millrace/token"), "utf8")).trim();
  const [bundle] = (
    await request<{ readonly bundles: readonly { readonly id: string }[] }>(cluster, token, "GET", "bundles")
  ).bundles;
  for (let round = 0; round < times; round++) {
    const { jid } = await request<{ readonly jid: string }>(cluster, token, "POST", "jobs", {
      bundle: bundle?.id,
      workingDirectory: cluster.folder,
    });
    await request(cluster, token, "POST", `jobs/${jid}/cancel`);
    while ((await request<{ readonly state: string }>(cluster, token, "GET", `jobs/${jid}`)).state !== "CANCELED");
  }
}

async function request<Answer>(
  { ready }: Running,
  token: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const answer = await fetch(`http://${ready.address}/v1/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Answer;
}

function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const shown = (value: number | undefined): string => (value ?? Number.NaN).toFixed(0);
  return `${shown(sorted[Math.floor(sorted.length / 2)])} (${shown(sorted[0])} … ${shown(sorted.at(-1))})`;
}

const folder = await mkdtemp(join(tmpdir(), "mr-bench-"));
const warmCache = join(folder, "warm");
const cold = { ready: [] as number[], first: [] as number[] };
const warm = { ready: [] as number[], first: [] as number[] };
const idle: Holdings[] = [];
try {
  for (let repeat = 0; repeat <= repeats; repeat++) {
    for (const [figures, cache] of [
      [cold, join(folder, `cold-${repeat}`)],
      [warm, warmCache],
    ] as const) {
      const cluster = await start(folder, cache);
      // Idle means that loading is over.
      await new Promise((resolve) => setTimeout(resolve, 2000));
      const held = await holdings(cluster);
      const first = await firstRecordMs(cluster);
      await stop(cluster);
      // The first turn fills the warm cache.
      if (repeat === 0) continue;
      figures.ready.push(cluster.readyMs);
      figures.first.push(first);
      if (figures === warm) idle.push(held);
    }
  }
  process.stdout.write(
    [
      `Cluster of one coordinator and two workers, ${repeats} runs each: median (least … most)`,
      `  start until ready              warm ${spread(warm.ready)} ms, cold ${spread(cold.ready)} ms`,
      `  submit until the first record  warm ${spread(warm.first)} ms, cold ${spread(cold.first)} ms`,
      `  idle, three processes          PSS ${spread(idle.map(({ pssMb }) => pssMb))} MB, RSS ${spread(idle.map(({ rssMb }) => rssMb))} MB, ${spread(idle.map(({ threads }) => threads))} threads`,
      "",
    ].join("\n"),
  );
  const cluster = await start(folder, warmCache);
  await firstRecordMs(cluster);
  await submitAndCancel(cluster, 5);
  await withoutSpares();
  const before = await holdings(cluster);
  const startedAt = performance.now();
  await submitAndCancel(cluster, rounds);
  const perRoundMs = (performance.now() - startedAt) / rounds;
  await withoutSpares();
  const after = await holdings(cluster);
  process.stdout.write(
    [
      `  ${rounds} × submit and cancel         ${perRoundMs.toFixed(0)} ms each`,
      `    before: ${before.threads} threads, ${before.descriptors} descriptors, RSS ${before.rssMb.toFixed(0)} MB`,
      `    after:  ${after.threads} threads, ${after.descriptors} descriptors, RSS ${after.rssMb.toFixed(0)} MB`,
      "",
    ].join("\n"),
  );
  await stop(cluster);
} finally {
  await rm(folder, { recursive: true, force: true });
}
