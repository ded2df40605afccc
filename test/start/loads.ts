/** Which modules a program loads: in its main thread, and in the threads that it starts. */

import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const noteLoads = pathToFileURL(join(import.meta.dirname, "fixtures/note-loads.js")).href;

export interface Loads {
  readonly stdout: string;
  readonly stderr: string;
  /** Paths relative to the folder, Node's own modules left out: the main thread's, then those of each other thread. */
  readonly threads: readonly (readonly string[])[];
}

/** Runs `node ...args` in the folder. */
export function loadsOf(folder: string, notes: string, args: readonly string[]): Loads {
  rmSync(notes, { force: true });
  const options = {
    cwd: folder,
    encoding: "utf8",
    timeout: 60_000,
    env: { ...process.env, MILLRACE_LOADS: notes },
  } as const;
  const { stdout, stderr } = spawnSync(process.execPath, ["--import", noteLoads, ...args], options);
  const threads: string[][] = [];
  for (const line of readFileSync(notes, "utf8").split("\n")) {
    const [thread = "", url = ""] = line.split(" ");
    if (!url.startsWith("file:") || url === noteLoads) continue;
    const paths = threads[Number(thread)] ?? [];
    threads[Number(thread)] = paths;
    paths.push(relative(folder, fileURLToPath(url)));
  }
  return { stdout, stderr, threads };
}

/** The npm packages among the paths. */
export function packagesOf(paths: readonly string[]): readonly string[] {
  const names = paths.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
  return [...new Set(names)].toSorted();
}
