/** The comparison with Flink: which runs are paired, what the table says of them, and that a file of runs is gone on with. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { rivalsOf } from "../../../bench/nexmark/flink-rivals.ts";
import { geometricMean, keyOf, OURS, pairOf, tablesOf } from "../../../bench/nexmark/flink-table.ts";
import type { Figures, Setting } from "../../../bench/nexmark/measure.ts";
import { RunLog } from "../../../bench/nexmark/run-log.ts";

const setting: Setting = { parallelism: 2, checkpoint: "10s", state: "memory" };

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-runs-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function figures(query: string, perCpuS: number): Figures {
  const [events, parallelism, wall_s, cpu_s] = [1_000_000, 2, 1, 1_000_000 / perCpuS];
  return { query, events, parallelism, wall_s, cpu_s, events_per_s: 1e6, events_per_cpu_s: perCpuS, peak_rss_mb: 200 };
}

describe("a file of runs", () => {
  test("has what another process has added to it", () => {
    const file = join(folder, "runs.jsonl");
    const key = keyOf(OURS, "q0", setting);
    new RunLog(file).add(key, figures("q0", 3));
    new RunLog(file).add(key, figures("q0", 1));
    const log = new RunLog(file);
    log.add(key, figures("q0", 2));
    expect(log.runs(key).map(({ events_per_cpu_s }) => events_per_cpu_s)).toEqual([3, 1, 2]);
    expect(log.middle(key)?.events_per_cpu_s).toBe(2);
    expect(readFileSync(file, "utf8").trimEnd().split("\n")).toHaveLength(3);
    expect(log.middle(keyOf(OURS, "q1", setting))).toBeUndefined();
  });

  test("with a line that is no run is refused, and that line is named", () => {
    const file = join(folder, "runs.jsonl");
    new RunLog(file).add("q0", figures("q0", 3));
    appendFileSync(file, '{"key":"q0","ev');
    expect(() => new RunLog(file)).toThrow(/runs\.jsonl:2 is no run/);
  });

  test("that cannot be written is refused before anything is measured", () => {
    expect(() => new RunLog(join(folder, "none", "runs.jsonl"))).toThrow(/ENOENT/);
  });

  test("keeps settings apart", () => {
    const log = new RunLog(undefined);
    log.add(keyOf(OURS, "q0", { ...setting, state: "level" }), figures("q0", 1));
    expect(log.runs(keyOf(OURS, "q0", setting))).toEqual([]);
  });
});

describe("a query and its rival", () => {
  test("are a pair as soon as both have run; the better way of Flink counts, and how many were tried is told", () => {
    const log = new RunLog(undefined);
    const [reuse, plain] = rivalsOf("q5");
    log.add(keyOf(OURS, "q5", setting), figures("q5", 600));
    expect(pairOf(log, "q5", setting)).toBeUndefined();
    log.add(keyOf(reuse?.name ?? "", "q5", setting), figures("q5", 100));
    expect(pairOf(log, "q5", setting)).toMatchObject({ ways: 1, ratio: 6 });
    log.add(keyOf(plain?.name ?? "", "q5", setting), figures("q5", 200));
    expect(pairOf(log, "q5", setting)).toMatchObject({ ways: 2, ratio: 3, rival: { objectReuse: false } });
  });

  test("of a job with a shuffle Flink also runs what sends the key alone", () => {
    expect(rivalsOf("ds-map").map(({ query }) => query)).toEqual(["ds-map", "ds-map"]);
    expect(new Set(rivalsOf("ds-count").map(({ query }) => query))).toEqual(
      new Set(["ds-count", "ds-count-projected"]),
    );
  });

  test("stand in a table of queries or of jobs, with the geometric mean at the end", () => {
    const log = new RunLog(undefined);
    for (const [query, ours] of [
      ["q0", 200_000],
      ["q1", 800_000],
      ["ds-map", 300_000],
    ] as const) {
      log.add(keyOf(OURS, query, setting), figures(query, ours));
      for (const rival of rivalsOf(query)) log.add(keyOf(rival.name, query, setting), figures(query, 100_000));
    }
    const pairs = ["q0", "q1", "q2", "ds-map"].flatMap((query) => pairOf(log, query, setting) ?? []);
    const lines = tablesOf(pairs).split("\n");
    expect(lines).toContain("| q0 | 1,000,000 | 200 | 100 | 2.00 | 1,000 | 1,000 | 200 | 200 | reuse of 2 |");
    expect(lines).toContain("| geometric mean of 2 |  |  |  | 4.00 |  |  |  |  |  |");
    expect(lines.filter((line) => line.startsWith("| geometric mean"))).toHaveLength(2);
  });
});

test("the geometric mean of ratios is that of their reciprocals, reciprocal", () => {
  expect(geometricMean([2, 8])).toBeCloseTo(4);
  expect(1 / geometricMean([1 / 3, 1 / 5, 1 / 7])).toBeCloseTo(geometricMean([3, 5, 7]));
});
