/** Names of files that are made of what others have named: nothing that leads out of its folder is taken. */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import type { BundleHash, JobId } from "../cluster-ids.ts";

/** @throws NOT_FOUND for what no job is called. */
export function jobFolder(root: string, job: JobId): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(job)) return join(root, job);
  throw new MillraceError("NOT_FOUND", `${JSON.stringify(job)} is not the id of a job`);
}

/** Sinks are named by users: a name that is not plain is replaced by its hash. */
export function sinkFile(folder: string, sink: string): string {
  const name = /^[A-Za-z0-9_-]{1,100}$/.test(sink) ? sink : `~${createHash("sha256").update(sink).digest("hex")}`;
  return join(folder, `${name}.jsonl`);
}

/** @throws NOT_FOUND for what no bundle is called. */
export function bundleFile(root: string, hash: BundleHash): string {
  if (/^[0-9a-f]{64}$/.test(hash)) return join(root, `${hash}.mjs`);
  throw new MillraceError("NOT_FOUND", `${JSON.stringify(hash)} is not the hash of a bundle: 64 digits of 0-9 and a-f`);
}
