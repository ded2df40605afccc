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

export interface FolderOwner {
  readonly pid: number;
  readonly started: string;
  /** By which name the process is known. */
  readonly worker: string;
}

const FILE = "owner.json";

export async function noteOwner(folder: string, worker: string): Promise<void> {
  const owner: FolderOwner = { pid: process.pid, started: startOf(process.pid) ?? "", worker };
  await writeFile(join(folder, FILE), JSON.stringify(owner), { mode: 0o600 });
}

/** The process that has written it, if that certainly still lives. */
export async function livingOwner(folder: string): Promise<FolderOwner | undefined> {
  const owner = await ownerOf(folder);
  return owner !== undefined && owner.started !== "" && startOf(owner.pid) === owner.started ? owner : undefined;
}

/** Whether the process that has written it is certainly gone. */
export async function ownerIsGone(folder: string): Promise<boolean> {
  const owner = await ownerOf(folder);
  if (owner === undefined) return false;
  if (owner.started !== "") return startOf(owner.pid) !== owner.started;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** Undefined: there is none, or it was being written when its process died. */
async function ownerOf(folder: string): Promise<FolderOwner | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, FILE), "utf8")) as FolderOwner;
  } catch {
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
