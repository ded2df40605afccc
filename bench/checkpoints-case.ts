/**
 * One run of the job with a large state, embedded in a process of its own: prints what its slot has noted as a line of JSON.
 *
 *   node bench/checkpoints-case.ts KEYS SECONDS REPORT [DIRECTORY]
 *
 * SECONDS count from when all keys are there. With DIRECTORY it takes checkpoints into it, and goes on from those it finds;
 * the seconds then count from when what the keys were made of is in a checkpoint, so that what follows are deltas.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "millrace";
import observedState from "./jobs/observed-state.ts";

const [keys = "", seconds = "", report = "", directory] = process.argv.slice(2);
/** Where a machine is so busy that they take longer, they are waited for, up to a time. */
const DELTAS_MIN = 4;
const LONGEST_MS = 30_000;

const abort = new AbortController();
const startedMs = Date.now();
const handle = await run(observedState, {
  params: { keys: Number(keys), report },
  signal: abort.signal,
  logLevel: "error",
  ...(directory === undefined ? {} : { checkpoints: { directory } }),
});
const failed = handle.result.catch((error: { readonly code?: string }) => {
  if (error.code !== "CANCELLED") throw error;
});
const records = (): number => Math.max(0, ...handle.metrics().vertices.map(({ recordsIn }) => recordsIn));
while (records() < Number(keys)) await Promise.race([sleep(50), failed]);
const filledAt = newest();
while (directory !== undefined && newest() < filledAt + 2) await Promise.race([sleep(50), failed]);
const measuredFrom = performance.now();
const measuredForMs = (): number => performance.now() - measuredFrom;
const lacksDeltas = (): boolean => directory !== undefined && newest() < filledAt + 2 + DELTAS_MIN;
while (measuredForMs() < Number(seconds) * 1000 || (lacksDeltas() && measuredForMs() < LONGEST_MS))
  await Promise.race([sleep(50), failed]);
abort.abort();
await failed;

/** The number of the newest complete checkpoint. */
function newest(): number {
  const names = directory === undefined ? [] : readdirSync(join(directory, "manifests"));
  return Math.max(0, ...names.map((name) => Number(name.slice(0, 13))));
}

const noted = JSON.parse(readFileSync(report, "utf8")) as object;
process.stdout.write(`${JSON.stringify({ ...noted, startedMs, filledAt })}\n`);
