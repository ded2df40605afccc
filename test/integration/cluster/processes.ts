/** The processes of a cluster as tests use them: none outlives its file, and what each holds can be looked at. */

import { readdir, readFile, readlink } from "node:fs/promises";
import { afterAll } from "vitest";
import { endAll } from "./process.ts";

export * from "./process.ts";

/** Ends, after each file, whatever a failed test has left. */
export function endsAllProcesses(): void {
  afterAll(endAll);
}

/** What a process holds: its threads, and what its file descriptors point to. Linux only. */
export async function holdings(pid: number): Promise<{ readonly threads: number; readonly files: readonly string[] }> {
  const threads = await readdir(`/proc/${pid}/task`);
  const descriptors = await readdir(`/proc/${pid}/fd`);
  const files = await Promise.all(
    // A descriptor may be closed while they are listed.
    descriptors.map((descriptor) => readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => undefined)),
  );
  return { threads: threads.length, files: files.filter((file) => file !== undefined) };
}

/** The ids of its child processes, those that have ended and were not waited for included. Linux only. */
export async function childrenOf(pid: number): Promise<number[]> {
  const pids = (await readdir("/proc")).map(Number).filter(Number.isInteger);
  const parents = await Promise.all(pids.map(parentOf));
  return pids.filter((_, at) => parents[at] === pid);
}

/** Undefined when the process is gone. */
async function parentOf(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // Behind the name, in which anything may stand: state and parent.
  const [, parent] = /^ \S+ (\d+)/.exec(text.slice(text.lastIndexOf(")") + 1)) ?? [];
  return parent === undefined ? undefined : Number(parent);
}

/** Proportional and resident memory of a process, bytes. Linux only. */
export async function memoryOf(pid: number): Promise<{ readonly pss: number; readonly rss: number }> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) * 1024;
  return { pss: field("Pss"), rss: field("Rss") };
}
