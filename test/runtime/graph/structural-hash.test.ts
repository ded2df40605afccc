import { expect, test } from "vitest";
import { defineJob, type Job } from "../../../core/job.ts";
import type { Source } from "../../../core/source.ts";
import { planJob } from "../../../runtime/graph/plan.ts";
import { structuralHash } from "../../../runtime/graph/structural-hash.ts";
import { type Item, items, jobOf, nothing, pipeline } from "./programs.ts";

function hashOf(job: Job): string {
  return planJob(job).graphHash;
}

/** The hash of a program whose source holds this value. */
function hashWith(held: unknown): string {
  const source = { ...items(), held } as unknown as Source<Item>;
  return hashOf(jobOf((env) => env.from(source).to(nothing)));
}

class Settings {
  readonly size: number;

  constructor(size: number) {
    this.size = size;
  }
}

class OtherSettings {
  readonly size: number;
  readonly unlike = true;

  constructor(size: number) {
    this.size = size;
  }
}

function cyclic(size: number): object {
  const value: { size: number; self?: object } = { size };
  value.self = value;
  return value;
}

test("two builds of one program have the same hash", () => {
  const job = pipeline((stream) => stream.map((item) => item.id).filter((id) => id > 2));
  expect(hashOf(job)).toBe(hashOf(job));
});

const double = { open() {}, map: (item: Item) => item.id * 2 };
const triple = { open() {}, map: (item: Item) => item.id * 3 };
const programs: readonly (readonly [string, Job, Job])[] = [
  ["functions", pipeline((s) => s.map((item) => item.id)), pipeline((s) => s.map((item) => item.group))],
  ["methods of objects", pipeline((s) => s.map(double)), pipeline((s) => s.map(triple))],
  ["names", pipeline((s) => s.map((i) => i, { name: "a" })), pipeline((s) => s.map((i) => i, { name: "b" }))],
  ["parallelisms", pipeline((s) => s.map((i) => i)), pipeline((s) => s.map((i) => i, { parallelism: 1 }))],
  ["partitionings", pipeline((s) => s.rebalance().map((i) => i)), pipeline((s) => s.rescale().map((i) => i))],
  ["key fields", pipeline((s) => s.keyBy("id").map((i) => i)), pipeline((s) => s.keyBy("group").map((i) => i))],
  ["operators", pipeline((s) => s.map((i) => i)), pipeline((s) => s.map((i) => i).map((i) => i))],
  [
    "batch functions",
    pipeline((s) => s.mapBatches("m", { schema: { id: "int32" }, process: () => [1] })),
    pipeline((s) => s.mapBatches("m", { schema: { id: "int32" }, process: () => [2] })),
  ],
];

test.each(programs)("other %s give another hash", (_, left, right) => {
  expect(hashOf(left)).not.toBe(hashOf(right));
});

test("parameters that reach the program's data change the hash", () => {
  const job = defineJob(
    import.meta,
    "sized",
    (env, { size }) => env.from({ ...items(), size } as Source<Item>).to(nothing),
    {
      params: { size: 1 },
    },
  ) as unknown as Job;
  expect(planJob(job, { params: { size: 1 } }).graphHash).toBe(planJob(job).graphHash);
  expect(planJob(job, { params: { size: 2 } }).graphHash).not.toBe(planJob(job).graphHash);
});

const different: readonly unknown[] = [
  undefined,
  null,
  "undefined",
  "null",
  0,
  -0,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  "0",
  "NaN",
  5,
  5n,
  "5n",
  true,
  "true",
  new Date(5),
  "date 5",
  /a/,
  /a/g,
  [],
  {},
  [1],
  { 0: 1 },
  new Map([[1, 2]]),
  new Map([[1, 3]]),
  new Set([1]),
  new Set([2]),
  Uint8Array.of(1),
  Uint8Array.of(2),
  Int8Array.of(1),
  new Settings(1),
  new Settings(2),
  new OtherSettings(1),
  { size: 1 },
  () => 1,
  () => 2,
  "() => 1",
  Symbol.iterator,
  cyclic(1),
  cyclic(2),
];

test("values that differ in kind or content give different hashes", () => {
  expect(new Set(different.map(hashWith)).size).toBe(different.length);
});

test("which of two equal-looking parts is held again counts", () => {
  const [one, two] = [{ size: 1 }, { size: 2 }];
  expect(hashWith([one, two, one])).not.toBe(hashWith([one, two, two]));
});

test("the order in which an object's fields were set does not count", () => {
  expect(hashWith({ a: 1, b: 2 })).toBe(hashWith({ b: 2, a: 1 }));
});

test("a builder that makes another program each time is refused", () => {
  let builds = 0;
  const job = jobOf((env) => env.from(items()).to(nothing, { name: `sink-${builds++}` }));
  expect(() => planJob(job)).toThrow(expect.objectContaining({ code: "GRAPH_NOT_DETERMINISTIC" }));
});

test("a hash is 16 hexadecimal digits", () => {
  expect(structuralHash({ jobName: "empty", nodes: [] })).toMatch(/^[0-9a-f]{16}$/);
});
