/**
 * The baseline of the exchange benchmark: bids from one thread to another by postMessage, in batches of 1000, eight of
 * them under way. The receiver only counts what passes the filter.
 *
 *   node bench/structured-clone.ts EVENTS
 */

import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type Bid, bidMaker } from "./jobs/bids.ts";

const batchRows = 1000;
const credit = 8;

if (isMainThread) await measure(Number(process.argv[2]));
else send(workerData.events as number);

async function measure(events: number): Promise<void> {
  const cpuBefore = process.cpuUsage();
  const before = performance.now();
  const worker = new Worker(new URL(import.meta.url), { workerData: { events } });
  let counted = 0;
  let touched = 0;
  worker.on("message", (batch: readonly Bid[]) => {
    for (const bid of batch) touched += bid.price + bid.url.length;
    counted += batch.length;
    worker.postMessage("credit");
  });
  await once(worker, "exit");
  const cpu = process.cpuUsage(cpuBefore);
  const wallS = (performance.now() - before) / 1000;
  const cpuS = (cpu.user + cpu.system) / 1e6;
  if (counted < 0.999 * events || touched === 0) throw new Error(`${counted} of ${events} events arrived`);
  process.stdout.write(
    `${JSON.stringify({ baseline: "structured clone", parallelism: 1, events, wall_s: wallS, cpu_s: cpuS, events_per_s: events / wallS, events_per_cpu_s: events / cpuS, peak_rss_mb: process.resourceUsage().maxRSS / 1024 })}\n`,
  );
}

function send(events: number): void {
  const port = parentPort as NonNullable<typeof parentPort>;
  const make = bidMaker(20_000, 100_000);
  let next = 0;
  let underWay = 0;
  const sendBatches = (): void => {
    while (underWay < credit && next < events) {
      const batch: Bid[] = [];
      for (; batch.length < batchRows && next < events; next++) {
        const bid = make(next);
        if (bid.price > 100) batch.push(bid);
      }
      underWay++;
      port.postMessage(batch);
    }
    if (next === events && underWay === 0) port.close();
  };
  port.on("message", () => {
    underWay--;
    sendBatches();
  });
  sendBatches();
}
