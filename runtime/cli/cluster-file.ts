/**
 * `cluster.json` in a coordinator's data folder: where it listens, so that commands in the same folder find it. It exists
 * while the coordinator runs, and after one that was killed until the next starts.
 */

import { readFile, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import type { TlsFiles } from "../wire/tls.ts";

export interface ClusterFile {
  /** As people write it: host:port. */
  readonly address: string;
  readonly pid: number;
  readonly tokenFile: string;
  /** What a process of the cluster shows. Absent without TLS. */
  readonly tls?: TlsFiles;
}

export async function writeClusterFile(data: string, file: ClusterFile): Promise<void> {
  const path = pathIn(data);
  // It appears whole: another command may read at any time.
  await writeFile(`${path}.${process.pid}`, `${JSON.stringify(file, undefined, 2)}\n`);
  await rename(`${path}.${process.pid}`, path);
}

/** Undefined where there is none. @throws BAD_OPTION when it is not what this command writes. */
export async function readClusterFile(data: string): Promise<ClusterFile | undefined> {
  const path = pathIn(data);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw unusable(path, error);
  });
  return text === undefined ? undefined : parsed(path, text);
}

/** Does nothing when another coordinator has written it since. */
export async function removeClusterFile(data: string): Promise<void> {
  const file = await readClusterFile(data).catch(() => undefined);
  if (file?.pid === process.pid) await unlink(pathIn(data)).catch(() => {});
}

function parsed(path: string, text: string): ClusterFile {
  let value: Partial<ClusterFile> | null;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unusable(path, cause);
  }
  if (typeof value?.address === "string" && typeof value.tokenFile === "string") return value as ClusterFile;
  throw unusable(path, undefined);
}

function unusable(path: string, cause: unknown): MillraceError {
  return new MillraceError("BAD_OPTION", `${path} cannot be used; delete it, or give --coordinator and --token-file`, {
    cause,
  });
}

function pathIn(data: string): string {
  return join(data, "cluster.json");
}
