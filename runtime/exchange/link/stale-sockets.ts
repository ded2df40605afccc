/**
 * Removes the files of unix sockets whose workers were killed: nobody else would, as each worker has a name of its own.
 *
 * A file that nobody answers at is stale, but for one of a worker that is about to listen: so young ones are let be.
 */

import { readdir, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";

/** Longer than any worker takes from making the file to listening at it. */
const youngMs = 10_000;

/** In a folder of the exchange's own. What cannot be looked at or removed stays: it is in nobody's way. */
export async function removeStaleSockets(folder: string, nowMs: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sock"));
  await Promise.allSettled(names.map((name) => removeIfStale(join(folder, name), nowMs)));
}

async function removeIfStale(path: string, nowMs: number): Promise<void> {
  const { mtimeMs } = await stat(path);
  if (nowMs - mtimeMs > youngMs && (await refuses(path))) await rm(path, { force: true });
}

function refuses(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
  });
}
