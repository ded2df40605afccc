/**
 * `npm ci` runs this as `prepare`: it starts the main example and stops it at its first list, so that Node's compile cache
 * holds what a start needs, and the first `npm start` of a fresh clone is as quick as any later one.
 *
 * The law: it never fails an installation, prints nothing, and ends after ten seconds whatever happens. Where there is
 * nothing to run or a Node too old to run it, it does nothing. JavaScript, so that an old Node can read it.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "./compile-cache.js";

const secondsMax = 10;

if (Number.parseInt(process.versions.node, 10) >= 24) {
  setTimeout(() => process.exit(0), secondsMax * 1000).unref();
  const output = mkdtempSync(join(tmpdir(), "millrace-warm-"));
  process.once("exit", () => rmSync(output, { recursive: true, force: true }));
  try {
    await untilFirstList(output);
  } catch {
    // A start that fails here fails again, with its message, where someone looks.
  }
}

async function untilFirstList(output) {
  const { run } = await import("../index.ts");
  const { default: job } = await import("../examples/recommender.ts");
  const stop = new AbortController();
  const handle = await run(job, {
    params: { output },
    signal: stop.signal,
    logLevel: "silent",
    onProgress: () => {
      if (handle?.collect("first-list").length > 0) stop.abort();
    },
  });
  await handle.result;
}
