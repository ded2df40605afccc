import { expect, test } from "vitest";
import { counting } from "../../../core/aggregate.ts";
import { outputTag } from "../../../core/side-output.ts";
import { valueState } from "../../../core/state.ts";
import { sliding, tumbling } from "../../../core/window.ts";
import { explain } from "../../../runtime/graph/explain.ts";
import { type Item, items, nothing, planOf } from "./programs.ts";

test("the program, its chains and its subtasks are shown, with what travels between them", () => {
  const plan = planOf((env) => {
    const late = outputTag<Item>("late");
    const source = env.from(items("clicks", 1)).withTimestamps((item) => item.id);
    source
      .keyBy("group")
      .window(tumbling("90s"))
      .aggregate("counts", counting())
      .to(nothing, { name: "out", parallelism: 1 });
    const trend = source
      .keyBy((item) => item.id)
      .window(sliding("1h", "250ms"), { late })
      .aggregate("trend", counting());
    trend.to(nothing, { name: "trends" });
    trend.sideOutput(late).broadcast().to(nothing, { name: "too-late" });
    source
      .keyBy(["group", "id"])
      .process("sessions", { state: { open: valueState<number>() }, process: () => {} })
      .to(nothing, { name: "sessions-out" });
  }, 2);
  expect(
    explain({ ...plan, graphHash: "0123456789abcdef" }),
  ).toBe(`Job "program", graph 0123456789abcdef, 128 key groups

Logical graph: 9 operators
  clicks: source, bounded
  timestamps: timestamps
    from clicks: forward
  counts: tumbling window, 90s, keyed state
    from timestamps: hash by group
  out: sink, parallelism 1
    from counts: forward
  trend: sliding window, 1h every 250ms, keyed state
    from timestamps: hash by a function
  trends: sink
    from trend: forward
  too-late: sink
    from trend, side output "late": broadcast
  sessions: process, keyed state open
    from timestamps: hash by group, id
  sessions-out: sink
    from sessions: forward

Chained graph: 7 vertices, 6 edges
  clicks, parallelism 1: clicks
  timestamps, parallelism 2: timestamps
    from clicks: rebalance, all fields
  counts, parallelism 2: counts
    from timestamps: hash, fields group, hot keys aggregated before they are sent, while one consumer has too much
  out, parallelism 1: out
    from counts: rebalance, all fields
  trend, parallelism 2: trend → trends
    from timestamps: hash, all fields, one by one: late ones are wanted
  too-late, parallelism 2: too-late
    from trend: broadcast, all fields
  sessions, parallelism 2: sessions → sessions-out
    from timestamps: hash, all fields

Parallel graph: 12 subtasks in 2 slots, 20 channels (10 between slots)
  slot 1: clicks 1/1, timestamps 1/2, counts 1/2, trend 1/2, too-late 1/2, sessions 1/2
  slot 2: timestamps 2/2, counts 2/2, out 1/1, trend 2/2, too-late 2/2, sessions 2/2
`);
});

test("the same plan gives the same text", () => {
  const plan = planOf((env) => env.from(items()).to(nothing));
  expect(explain(plan)).toBe(explain(plan));
});

test("what operators require of their workers is shown, and on which slots", () => {
  const plan = planOf((env) => {
    const model = env
      .from(items())
      .keyBy("group")
      .process("model", { process: () => {} });
    model.requires({ zone: "a", gpu: true }).to(nothing);
  });
  const text = explain(plan);
  expect(text).toContain('\n  model: process, no state, requires gpu=true, zone="a"\n');
  expect(text).toContain("\n  slot 1: items 1/2\n");
  expect(text).toContain('\n  slot 3: model 1/2, on a worker with gpu=true, zone="a"\n');
});
