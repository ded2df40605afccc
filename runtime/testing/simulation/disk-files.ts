/**
 * The disk as one process sees it: operations take their time, and the process may die before one of them, behind it, or
 * behind it and before it hears of it.
 */

import type { Files, OpenFile } from "../../state/files.ts";
import type { Disk, FileNode } from "./disk.ts";
import type { SimulatedProcess } from "./process.ts";

/** How long an operation takes, and how much longer on a slow disk. */
const OPERATION_MS = 0.4;
const SYNC_MS = 3;
const SLOWER = 40;

export function filesOf(process: SimulatedProcess, disk: Disk): Files {
  return new DiskFiles(process, disk);
}

class DiskFiles implements Files {
  readonly #process: SimulatedProcess;
  readonly #disk: Disk;

  constructor(process: SimulatedProcess, disk: Disk) {
    this.#process = process;
    this.#disk = disk;
  }

  mkdir(path: string): Promise<string | undefined> {
    return this.do("mkdir", OPERATION_MS, () => this.#disk.makeFolder(path, this.#process.host));
  }

  async open(path: string, flags: "r" | "w" | "wx" | "a" = "r"): Promise<OpenFile> {
    const node = await this.do("open", OPERATION_MS, () => this.#disk.openFile(path, flags, this.#process.host));
    return new DiskHandle(this, this.#disk, this.#process, node as FileNode); // of a folder only `sync` and `close` are used
  }

  readdir(path: string): Promise<string[]> {
    return this.do("readdir", OPERATION_MS, () => [...this.#disk.folder(path).names.keys()]);
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.do("readFile", OPERATION_MS, () => Uint8Array.from((this.#disk.get(path) as FileNode).bytes));
  }

  rename(from: string, to: string): Promise<void> {
    return this.do("rename", OPERATION_MS, () => this.#disk.rename(from, to, this.#process.host));
  }

  rm(path: string): Promise<void> {
    return this.do("rm", OPERATION_MS, () => this.#disk.remove(path, this.#process.host));
  }

  /** Does it at once or at its end, so that the process may die on either side of it. */
  do<T>(what: string, ms: number, act: () => T): Promise<T> {
    const { world } = this.#process;
    // What a process does that has died within its step reaches nothing.
    if (!this.#process.alive) return new Promise(() => {});
    const takesMs = world.between(0.2, 1) * ms * (this.#disk.isSlow ? SLOWER : 1);
    if (world.chance(0.5)) return this.#process.later(takesMs, what, act);
    let outcome: () => T;
    try {
      const result = act();
      outcome = () => result;
    } catch (cause) {
      outcome = () => {
        throw cause;
      };
    }
    return this.#process.later(takesMs, what, outcome);
  }
}

class DiskHandle implements OpenFile {
  readonly #files: DiskFiles;
  readonly #disk: Disk;
  readonly #process: SimulatedProcess;
  readonly #node: FileNode;

  constructor(files: DiskFiles, disk: Disk, process: SimulatedProcess, node: FileNode) {
    this.#files = files;
    this.#disk = disk;
    this.#process = process;
    this.#node = node;
  }

  writeFile(data: Uint8Array | string): Promise<void> {
    const bytes = Uint8Array.from(Buffer.from(data as string));
    return this.#files.do("write", OPERATION_MS, () => this.#disk.append(this.#node, bytes, this.#process.host));
  }

  read(into: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }> {
    return this.#files.do("read", OPERATION_MS, () => {
      const bytes = this.#node.bytes.subarray(position, position + length);
      into.set(bytes, offset);
      return { bytesRead: bytes.length };
    });
  }

  async stat(): Promise<{ readonly size: number }> {
    return { size: this.#node.bytes.length };
  }

  sync(): Promise<void> {
    return this.#files.do("sync", SYNC_MS, () => this.#disk.sync(this.#node));
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
