import { defineJob, counting, tumbling } from "../core/index.ts";
import type { Source, Sink } from "../core/index.ts";
import { run } from "../runtime/run.ts";
const N = Number(process.env.N ?? 100000);
function ints(n: number): Source<{ k: number; ts: number; s: string }, { from: number; to: number }> {
  return {
    name: "ints", bounded: true,
    enumerate: ({ parallelism }) => { let i = 0; const splits = Array.from({ length: parallelism * 4 }, (_, s) => ({ from: Math.floor(n * s / (parallelism * 4)), to: Math.floor(n * (s + 1) / (parallelism * 4)) })); return { next: () => splits[i++] }; },
    reader: () => { let at = 0, to = 0; return { begin(s) { at = s.from; to = s.to; }, read(push, max, gate) { for (let c = 0; c < max && at < to && !gate.blocked; c++, at++) push({ k: at % 1000, ts: at, s: "abc" + (at % 7) }, at); return at === to ? "end" : "more"; }, position: () => at }; },
  };
}
function collectTo<T>(name: string): Sink<T> { return { name, writer: (c) => { let rows: T[] = []; return { write(v) { rows.push(v); if (rows.length >= 500) { const r = rows; rows = []; return c.collect(r); } }, flush() { const r = rows; rows = []; return r.length ? c.collect(r) : undefined; } }; } }; }
const job = defineJob(import.meta, "try", (env) => {
  env.from(ints(N)).withTimestamps((r) => r.ts, { outOfOrderness: "1d" }).filter((r) => r.k !== 3).map((r) => ({ ...r, z: r.k * 2 })).keyBy((r) => r.k).window(tumbling("10s")).aggregate("c", counting()).to(collectTo("out"));
});
export default job;
if (import.meta.main) {
  for (const parallelism of [1, 2, 3]) {
    const t = performance.now();
    const h = await run(job, { parallelism, logLevel: "info" });
    const m = await h.result;
    const rows = h.collect<{ key: number; windowStart: number; value: number }>("out");
    console.log(parallelism, rows.length, rows.reduce((s, r) => s + r.value, 0), performance.now() - t, m.vertices.map((v) => [v.vertex, v.recordsIn, v.recordsOut]), m.operators.c?.counters);
  }
}
