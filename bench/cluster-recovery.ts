/** How long a job of a cluster stands still after kill -9 of the worker that runs it, with another one at hand. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { bundleJob } from "../runtime/bundle/bundle-job.ts";
import { RestClient } from "../runtime/rest/client.ts";
import type { JobView } from "../runtime/rest/views.ts";
import { parseAddress } from "../runtime/wire/address.ts";

const command = fileURLToPath(new URL("../runtime/cli/millrace.ts", import.meta.url));
const job = fileURLToPath(new URL("./jobs/large-state.ts", import.meta.url));

export interface Recovery {
  /** From the kill until the coordinator knows. */
  readonly noticedMs: number;
  /** From then until all slots run again, with their state. */
  readonly recoveredMs: number;
}

/** What `cluster start --json` prints when all is ready. */
interface Ready {
  readonly address: string;
  readonly tokenFile: string;
}

export async function recoveryOnCluster(keys: number): Promise<Recovery> {
  const folder = await mkdtemp(join(tmpdir(), "mr-"));
  const args = ["cluster", "start", "--port", "0", "--workers", "2", "--slots", "1", "--json"];
  const cluster = spawn(process.execPath, [command, ...args], { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
  try {
    const [line] = (await once(createInterface({ input: cluster.stdout }), "line")) as [string];
    const { address, tokenFile } = JSON.parse(line) as Ready;
    const token = (await readFile(tokenFile, "utf8")).trim();
    const client = new RestClient({ ...parseAddress(address), token, timeoutMs: 30_000 });
    const recovery = await recovered(client, folder, keys);
    client.close();
    return recovery;
  } finally {
    await ended(cluster);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function recovered(client: RestClient, folder: string, keys: number): Promise<Recovery> {
  const { hash, code } = await bundleJob(job);
  await client.putBundle(hash, code);
  const { jid } = await client.submit({ bundle: hash, workingDirectory: folder, params: { keys } });
  await until(async () => filled(await client.job(jid), keys));
  const before = (await client.checkpoints(jid)).counts.completed;
  await until(async () => (await client.checkpoints(jid)).counts.completed >= before + 2);
  const { vertices } = await client.job(jid);
  const { subtasks } = await client.vertex(jid, vertices[0]?.id ?? "");
  const killedMs = Date.now();
  process.kill(Number(/:(\d+)$/.exec(subtasks[0]?.endpoint ?? "")?.[1]), "SIGKILL");
  const again = await until(async () => {
    const now = await client.job(jid);
    return now.restarts > 0 && now.state === "RUNNING" ? now : undefined;
  });
  const [failure] = (await client.exceptions(jid)).exceptionHistory.entries;
  const noticedAt = failure?.timestamp ?? Number.NaN;
  return { noticedMs: noticedAt - killedMs, recoveredMs: (again.timestamps.RUNNING ?? Number.NaN) - noticedAt };
}

function filled({ vertices }: JobView, keys: number): boolean {
  return vertices.some(({ metrics }) => metrics["read-records"] >= keys);
}

async function until<Found>(look: () => Promise<Found | undefined | false>): Promise<Found> {
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await sleep(20);
  }
}

async function ended(cluster: ChildProcess): Promise<void> {
  cluster.kill("SIGTERM");
  await once(cluster, "close");
}
