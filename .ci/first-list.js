/** Runs the main example until its first list: `node --import ./.ci/start.js .ci/first-list.js <output folder>`. */

const { default: job } = await import("../examples/recommender.ts");
const { run } = await import("../index.ts");

const stop = new AbortController();
const handle = await run(job, {
  params: { output: process.argv[2] },
  signal: stop.signal,
  logLevel: "silent",
  onProgress: () => {
    if (handle.collect("first-list").length > 0) stop.abort();
  },
});
await handle.result.catch((error) => {
  if (error.code !== "CANCELLED") throw error;
});
