/** Keeps what is needed to find out why a round has failed. */

import { cp, lstat } from "node:fs/promises";

/** Copies a folder with all that is in it. */
export async function keepFolder(folder: string, into: string): Promise<void> {
  await cp(folder, into, { recursive: true, filter: isCopied });
}

/** Sockets are not. */
async function isCopied(path: string): Promise<boolean> {
  const found = await lstat(path);
  return found.isFile() || found.isDirectory();
}
