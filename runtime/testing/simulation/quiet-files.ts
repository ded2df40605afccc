/** The disk as nobody's process sees it: for looking at what a run has left. */

import type { Files, OpenFile } from "../../state/files.ts";
import type { Disk, FileNode } from "./disk.ts";

export function quietFiles(disk: Disk): Files {
  const bytesOf = (path: string): Uint8Array => (disk.get(path) as FileNode).bytes;
  return {
    mkdir: async () => undefined,
    open: async (path) => openFile(bytesOf(path)),
    readdir: async (path) => [...disk.folder(path).names.keys()],
    readFile: async (path) => Uint8Array.from(bytesOf(path)),
    rename: () => refused(),
    rm: () => refused(),
  };
}

function openFile(bytes: Uint8Array): OpenFile {
  return {
    writeFile: () => refused(),
    read: async (into, offset, length, position) => {
      const part = bytes.subarray(position, position + length);
      into.set(part, offset);
      return { bytesRead: part.length };
    },
    stat: async () => ({ size: bytes.length }),
    sync: async () => {},
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

function refused(): Promise<never> {
  return Promise.reject(new Error("the disk is only looked at"));
}
