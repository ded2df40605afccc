/**
 * Which process has a folder: written down when it takes it, so that others can tell whether it still lives.
 *
 *   <folder>/owner.json   { pid, started, worker }
 *
 * `started` tells a process from a later one with the same number: where the system does not say when a process has
 * started, nobody is ever taken for the one that wrote it.
 */

import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { WorkerId } from "../../cluster-ids.ts";

export interface FolderOwner {
  readonly pid: number;
  readonly started: string;
  readonly worker: WorkerId;
}

const FILE = "owner.json";

export async function noteOwner(folder: string, worker: WorkerId): Promise<void> {
  const owner: FolderOwner = { pid: process.pid, started: startOf(process.pid) ?? "", worker };
  await writeFile(join(folder, FILE), JSON.stringify(owner), { mode: 0o600 });
}

/** The process that has written it, if it still lives. */
export async function livingOwner(folder: string): Promise<FolderOwner | undefined> {
  try {
    const owner = JSON.parse(await readFile(join(folder, FILE), "utf8")) as FolderOwner;
    const { pid, started } = owner;
    return started !== "" && startOf(pid) === started ? owner : undefined;
  } catch {
    // There is none, or it was being written when its process died.
    return undefined;
  }
}

/** When a process has started, in this life of the machine; undefined: it does not live, or the system does not say. */
function startOf(pid: number): string | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name of the program is in brackets and may hold anything; the 22nd field is the start.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const state = fields[0];
    return state === "Z" || state === "X" ? undefined : `${boot}/${fields[19]}`;
  } catch {
    return undefined;
  }
}
