/** What the programs of the benchmark take as arguments, and how they refuse the rest. */
import { expect, test } from "vitest";
import { inputOfArguments, queriesOf, wholeNumberOf } from "../../../bench/nexmark/argument-values.ts";
import { benchArguments, comparisonArguments } from "../../../bench/nexmark/bench-arguments.ts";

test("without arguments: all queries, some ten seconds each, two subtasks, checkpoints and state in memory", () => {
  const setting = { parallelism: 2, checkpoint: "10s", state: "memory" };
  const common = { queries: undefined, events: undefined, seconds: 10, repeats: 1, json: false, setting };
  expect(benchArguments([])).toEqual({ ...common, scaling: false });
  expect(comparisonArguments([])).toMatchObject({ ...common, memory: false, heap: "8g" });
});

test("each takes what it is told", () => {
  const args = ["--queries", "q5,ds-map", "--events", "500000", "--state", "level", "--checkpoint", "off", "--json"];
  expect(benchArguments([...args, "--scaling"])).toMatchObject({
    queries: ["q5", "ds-map"],
    events: 500_000,
    json: true,
    scaling: true,
    setting: { checkpoint: "off", state: "level" },
  });
});

test.each([
  [["--queries", "q5,q99"], /there is no query "q99"; there are q0, /],
  [["--queries", ""], /there is no query ""/],
  [["--events", "0"], /--events is a whole number of at least 1, not "0"/],
  [["--events", ""], /--events is a whole number of at least 1, not ""/],
  [["--events", "5", "--seconds", "5"], /not both/],
  [["--parallelism", "1.5"], /--parallelism is a whole number/],
  [["--checkpoint", "10"], /--checkpoint, unless it is off, expects a duration/],
  [["--state", "disk"], /--state is memory or level, not "disk"/],
  [["--memory"], /Unknown option '--memory'/],
  [["q5"], /Unexpected argument 'q5'/],
])("%j is refused", (args, message) => {
  expect(() => benchArguments(args)).toThrow(message);
});

test("beside Flink sizes have a unit, and the scaling of ours is unknown", () => {
  expect(() => comparisonArguments(["--heap", "8"])).toThrow(/--heap is a size such as 8g/);
  expect(() => comparisonArguments(["--network", "64"])).toThrow(/--network is a size such as 8g/);
  expect(() => comparisonArguments(["--scaling"])).toThrow(/Unknown option '--scaling'/);
});

test("beside Flink the smallest heap is looked for among those named that have room for exchanges", () => {
  expect(comparisonArguments([]).heaps.slice(0, 2)).toEqual(["384m", "512m"]);
  const heapsOf = (heaps: string) => comparisonArguments(["--network", "64m", "--heaps", heaps]).heaps;
  expect(heapsOf("8g,64m,1g,80m")).toEqual(["80m", "1g", "8g"]);
  expect(() => heapsOf("96m,5g")).toThrow(/--heaps are some of 64m,80m,.*,8g, not "5g"/);
  expect(() => heapsOf("64m")).toThrow(/none that is larger than the 64m for exchanges/);
});

test("what events are made of is told by numbers, or by the defaults", () => {
  const otherwise = { events: 1, tps: 2, seed: 3, baseTime: 4, generators: 5 };
  expect(inputOfArguments({}, otherwise)).toEqual(otherwise);
  expect(inputOfArguments({ seed: "0", "base-time": "7" }, otherwise)).toEqual({ ...otherwise, seed: 0, baseTime: 7 });
  expect(() => inputOfArguments({ tps: "0.5" }, otherwise)).toThrow(/--tps is a whole number of at least 1, not "0.5"/);
  expect(queriesOf("q1,q2")).toEqual(["q1", "q2"]);
  expect(wholeNumberOf("events", "1e6")).toBe(1_000_000);
});
