/** What tests of commands on a cluster have in common: a coordinator with fixed answers, and `millrace` as users start it. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeEach } from "vitest";
import type { JobResultView, JobSummaryView } from "../../../runtime/rest/views.ts";
import { tempFolder } from "../../connectors/temp-folder.ts";
import { fakeCoordinator, token } from "./fake-coordinator.ts";

const root = resolve(import.meta.dirname, "../../..");
export const command = join(root, "runtime/cli/millrace.ts");
/** With the address and the token of the coordinator, as if it had been started there. */
export const folder = tempFolder();
export const coordinator = await fakeCoordinator();

export const tokenFile = folder.write(".millrace/token", `${token}\n`);
chmodSync(tokenFile, 0o600);
folder.write(".millrace/cluster.json", JSON.stringify({ address: coordinator.address, pid: process.pid, tokenFile }));

export const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], NO_COLOR: "1" };

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function millrace(
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
export function collected(stream: NodeJS.ReadableStream): string[] {
  const chunks: string[] = [];
  stream.on("data", (chunk) => chunks.push(String(chunk)));
  return chunks;
}

export function summary(jid: string, name: string, more: Partial<JobSummaryView> = {}): JobSummaryView {
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

export const words = summary("11aa22bb33cc", "word-count");
export const sales = summary("11aa22bb44dd", "sales", { state: "WAITING", restarts: 3 });
export const old = summary("ffee00112233", "word-count", { state: "FAILED" });
export const jobs = [old, words, sales];

/** Of `words`. */
export const finished: JobResultView = {
  jid: words.jid,
  state: "FINISHED",
  error: null,
  collected: { counts: 3, none: 0 },
  metrics: { job: "word-count", state: "finished", elapsedMs: 100, busyMs: [1], vertices: [], operators: {} },
};

/** With three rows of one sink, of which a page has two. */
export function resultAnswers(result: JobResultView) {
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
/** Before each test the coordinator forgets what it was asked, and has these jobs. */
export function beginsWithJobs(): void {
  beforeEach(() => {
    coordinator.asked.length = 0;
    coordinator.answer({ "GET /jobs/overview": { jobs } });
  });
}
