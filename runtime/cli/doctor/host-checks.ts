/** Whether this host can run coordinators and workers. */

import { once } from "node:events";
import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { enableCompileCache, constants as moduleConstants } from "node:module";
import { createServer } from "node:net";
import { totalmem } from "node:os";
import { dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { NetworkAddress } from "../../wire/address.ts";
import { formatAddress } from "../../wire/address.ts";
import { nodeRefusal } from "../node-version.ts";
import { bytes } from "../quantity.ts";
import { bad, type Finding, ok, warning } from "./finding.ts";

const MB = 1024 * 1024;

export function checkNode(version = process.versions.node): Finding {
  const refusal = nodeRefusal(version);
  return refusal === undefined ? ok("node", `Node ${version}`) : bad("node", refusal);
}

/** A coordinator and two workers take some 250 MB before the first job. */
export function checkMemory(limitBytes = memoryLimit()): Finding {
  const text = `${bytes(limitBytes)} for this process`;
  if (limitBytes < 256 * MB) return bad("memory", `${text}; a cluster needs 256 MB before its first job`);
  return limitBytes < 1024 * MB ? warning("memory", `${text}; jobs with state need more`) : ok("memory", text);
}

/** What the control group allows, or else what the machine has. */
function memoryLimit(): number {
  const allowed = process.constrainedMemory();
  return allowed > 0 && allowed < totalmem() ? allowed : totalmem();
}

/** At the data folder, or where it would be made. */
export function checkDisk(data: string): Finding {
  const folder = existing(resolve(data));
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    return bad("disk", `${folder} cannot be written; give another folder by --data`);
  }
  const { bavail, bsize } = statfsSync(folder);
  const text = `${bytes(bavail * bsize)} free at ${folder}`;
  if (bavail * bsize < 100 * MB) return bad("disk", `${text}; results, logs and state need more`);
  return bavail * bsize < 1024 * MB ? warning("disk", text) : ok("disk", text);
}

function existing(path: string): string {
  return existsSync(path) || path === dirname(path) ? path : existing(dirname(path));
}

/** @param taken whether a coordinator answers there already. */
export async function checkPort(address: NetworkAddress, taken: boolean): Promise<Finding> {
  const where = formatAddress(address);
  if (taken) return ok("port", `${where} is the coordinator's`);
  const server = createServer();
  try {
    server.listen(address.port, address.host);
    await once(server, "listening");
    return ok("port", `${where} is free`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") return bad("port", `${where} is in use by another program; give another --port`);
    return bad("port", `${where}: ${(error as Error).message}`);
  } finally {
    server.close();
  }
}

const clockSpanMs = 100;
const clockToleranceMs = 50;

/** Whether the wall clock runs as fast as the monotonic one, and is set at all. */
export async function checkClock(): Promise<Finding> {
  const before = { wall: Date.now(), monotonic: performance.now() };
  await sleep(clockSpanMs);
  const drift = Date.now() - before.wall - (performance.now() - before.monotonic);
  return clockFinding(before.wall, drift);
}

const millracesBirth = Date.UTC(2025, 0, 1);

export function clockFinding(wall: number, driftMs: number): Finding {
  const text = `the clock says ${new Date(wall).toISOString()}`;
  if (wall < millracesBirth) return bad("clock", `${text}, which cannot be; set it`);
  if (Math.abs(driftMs) <= clockToleranceMs) return ok("clock", text);
  return warning(
    "clock",
    `${text}, and went ${Math.round(driftMs)} ms away from the monotonic clock within ${clockSpanMs} ms`,
  );
}

/** A worker has a connection for each peer, and files of sources and sinks. */
export function checkFileDescriptors(limit = descriptorLimit()): Finding {
  if (limit === undefined) return ok("file descriptors", "no limit is known on this system");
  const text = Number.isFinite(limit) ? `up to ${limit}` : "unlimited";
  if (limit < 256) return bad("file descriptors", `${text}; raise it: ulimit -n 4096`);
  return limit < 1024 ? warning("file descriptors", `${text}; raise it: ulimit -n 4096`) : ok("file descriptors", text);
}

function descriptorLimit(): number | undefined {
  const report = process.report.getReport() as {
    readonly userLimits?: Readonly<Record<string, { readonly soft: number | string }>>;
  };
  const soft = report.userLimits?.["open_files"]?.soft;
  if (soft === undefined) return undefined;
  return soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
}

const threadTimeoutMs = 5000;

/** Starts a thread, which answers through shared memory as slots do. */
export async function checkThreads(): Promise<Finding> {
  const word = new Int32Array(new SharedArrayBuffer(4));
  const code =
    'const { workerData } = require("node:worker_threads"); Atomics.store(workerData, 0, 1); Atomics.notify(workerData, 0);';
  const thread = new Worker(code, { eval: true, workerData: word });
  const failed = once(thread, "error").then(
    ([error]) => String(error),
    () => "",
  );
  const rung = Atomics.waitAsync(word, 0, 0, threadTimeoutMs);
  const answer = await Promise.race([rung.value, failed]);
  await thread.terminate();
  return answer === "timed-out" || Atomics.load(word, 0) !== 1
    ? bad("threads", `a thread did not answer through shared memory: ${answer}`)
    : ok("threads", "worker threads and shared memory work");
}

export function checkCompileCache(): Finding {
  const { status, directory, message } = enableCompileCache();
  const { FAILED, DISABLED } = moduleConstants.compileCacheStatus;
  if (status === FAILED) return warning("compile cache", `${message}; starts take twice as long without it`);
  if (status === DISABLED)
    return warning("compile cache", "NODE_DISABLE_COMPILE_CACHE turns it off; starts take twice as long");
  return ok("compile cache", String(directory));
}
