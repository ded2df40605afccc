/**
 * The baseline of the window benchmark: the same count written by hand, one thread, a Map a window, no framework.
 *
 *   node bench/by-hand.ts KEYS EVENTS
 */

import { bidMaker } from "./jobs/bids.ts";

const [keys, events] = process.argv.slice(2).map(Number) as [number, number];
const make = bidMaker(keys, keys > 100_000 ? 1_000_000 : 100_000);
const windows = new Map<number, Map<number, number>>();

const cpuBefore = process.cpuUsage();
const before = performance.now();
let counted = 0;
let results = 0;
for (let i = 0; i < events; i++) {
  const bid = make(i);
  if (bid.price <= 100) continue;
  const start = bid.dateTime - (bid.dateTime % 10_000);
  let window = windows.get(start);
  if (window === undefined) {
    window = new Map();
    windows.set(start, window);
    for (const [other, counts] of windows) if (other + 20_000 <= bid.dateTime) fire(other, counts);
  }
  window.set(bid.auction, (window.get(bid.auction) ?? 0) + 1);
}
for (const [start, counts] of windows) fire(start, counts);

function fire(start: number, counts: Map<number, number>): void {
  for (const [key, value] of counts) {
    const result = { key, windowStart: start, windowEnd: start + 10_000, value };
    results++;
    counted += result.value;
  }
  windows.delete(start);
}

const cpu = process.cpuUsage(cpuBefore);
const wallS = (performance.now() - before) / 1000;
const cpuS = (cpu.user + cpu.system) / 1e6;
if (counted < 0.999 * events) throw new Error(`${counted} of ${events} events were counted`);
process.stdout.write(
  `${JSON.stringify({ keys, parallelism: 1, baseline: "by hand", events, results, wall_s: wallS, cpu_s: cpuS, events_per_s: events / wallS, events_per_cpu_s: events / cpuS, peak_rss_mb: process.resourceUsage().maxRSS / 1024 })}\n`,
);
