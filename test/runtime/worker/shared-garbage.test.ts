import { setTimeout } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { SHARED_GARBAGE_BYTES_MAX, SHARED_GARBAGE_MS } from "../../../core/limits.ts";
import { CallbackQueue } from "../../../runtime/task/callback-queue.ts";
import { collectGarbage, SharedGarbage } from "../../../runtime/worker/shared-garbage.ts";

let due: CallbackQueue;
let nowMs: number;
let collected: number[];
let garbage: SharedGarbage;

beforeEach(() => {
  due = new CallbackQueue();
  nowMs = 0;
  collected = [];
  garbage = new SharedGarbage({
    callAfter: (ms, callback) => {
      let wanted = true;
      due.add(nowMs + ms, () => wanted && callback());
      return () => {
        wanted = false;
      };
    },
    collect: () => void collected.push(nowMs),
  });
});

function pass(ms: number): void {
  nowMs += ms;
  due.runDue(nowMs);
}

test("a little is collected once when nothing more has come for a while", () => {
  garbage.add(1000);
  pass(SHARED_GARBAGE_MS - 1);
  garbage.add(1000);
  pass(SHARED_GARBAGE_MS - 1);
  expect(collected).toEqual([]);
  pass(1);
  pass(10 * SHARED_GARBAGE_MS);
  expect(collected).toEqual([2 * SHARED_GARBAGE_MS - 1]);
});

test("much is collected at once, but not before its owner could let go of it", () => {
  garbage.add(SHARED_GARBAGE_BYTES_MAX - 1);
  garbage.add(1);
  expect(collected).toEqual([]);
  pass(0);
  expect(collected).toEqual([0]);
  garbage.add(1);
  pass(0);
  expect(collected).toEqual([0]);
});

test("nothing is collected in a worker that has ended", () => {
  garbage.add(SHARED_GARBAGE_BYTES_MAX);
  garbage.close();
  pass(SHARED_GARBAGE_MS);
  expect(collected).toEqual([]);
});

test("the collector frees shared memory that nobody holds, and is no global of programs", async () => {
  const held = (): number => process.memoryUsage().arrayBuffers;
  const before = held();
  // What a function made is garbage when it has returned.
  const make = (): number => Array.from({ length: 10 }, () => new SharedArrayBuffer(8 * 1024 * 1024)).length;
  expect(make()).toBe(10);
  expect(held() - before).toBeGreaterThan(70 * 1024 * 1024);
  await setTimeout(0);
  collectGarbage();
  expect(held() - before).toBeLessThan(8 * 1024 * 1024);
  expect(globalThis.gc).toBeUndefined();
});
