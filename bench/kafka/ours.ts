/**
 * Runs J1 or J2 on Millrace until SIGTERM, as its users would: embedded, checkpoints in a folder.
 *
 *   node bench/kafka/ours.ts     what it reads and writes is in the environment, as for the peers (`peers.ts`)
 */

import { run } from "millrace";
import { j1, j2 } from "./jobs.ts";

const { BROKERS = "", IN = "", OUT = "", JOB, GUARANTEE, COMMIT_MS, FOLDER = "", LATEST, PARALLELISM } = process.env;
/** Below this interval, checkpoints are kept in LevelDB: a synced write instead of a file, its name and their folder. */
const SHORT_MS = 500;
const ended = new AbortController();
process.once("SIGTERM", () => ended.abort());
const handle = await run(JOB === "j2" ? j2 : j1, {
  params: {
    brokers: BROKERS,
    input: IN,
    output: OUT,
    exactlyOnce: GUARANTEE === "exactly-once",
    latest: LATEST === "1",
  },
  parallelism: Number(PARALLELISM ?? 1),
  checkpoints: {
    directory: Number(COMMIT_MS) < SHORT_MS ? `level:${FOLDER}` : FOLDER,
    interval: { milliseconds: Number(COMMIT_MS) },
  },
  signal: ended.signal,
  logLevel: "warn",
});
await handle.result.catch((error: unknown) => {
  if (!ended.signal.aborted) throw error;
});
