import type { ChildProcess } from "node:child_process";
import { EventEmitter } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SpareChild } from "../../../runtime/planner/spare-child.ts";

class FakeChild extends EventEmitter {
  killed = false;

  kill(): void {
    this.killed = true;
    this.emit("exit");
  }
}

let started: FakeChild[];
let spare: SpareChild;

beforeEach(() => {
  vi.useFakeTimers();
  started = [];
  spare = new SpareChild(() => {
    const child = new FakeChild();
    started.push(child);
    return child as unknown as ChildProcess;
  }, 1000);
});

afterEach(() => vi.useRealTimers());

test("one child is started ahead, however often it is asked for, and taken once", () => {
  expect(spare.take()).toBeUndefined();
  spare.prepare();
  spare.prepare();
  expect(started).toHaveLength(1);
  expect(spare.take()).toBe(started[0]);
  expect(spare.take()).toBeUndefined();
});

test("one that nobody takes in time is ended, and asking again lets it wait longer", () => {
  spare.prepare();
  vi.advanceTimersByTime(999);
  spare.prepare();
  vi.advanceTimersByTime(999);
  expect(started.map(({ killed }) => killed)).toEqual([false]);
  vi.advanceTimersByTime(1);
  expect(started.map(({ killed }) => killed)).toEqual([true]);
  expect(spare.take()).toBeUndefined();
});

test("one that was taken is left alone", () => {
  spare.prepare();
  spare.take();
  vi.advanceTimersByTime(10_000);
  spare.end();
  expect(started.map(({ killed }) => killed)).toEqual([false]);
});

test.each(["exit", "error"])("one that is of no use any more is not given out: %s", (event) => {
  spare.prepare();
  started[0]?.emit(event, new Error("no more processes"));
  expect(spare.take()).toBeUndefined();
  spare.prepare();
  expect(spare.take()).toBe(started[1]);
});

test("the end of one that was taken is not that of the next", () => {
  spare.prepare();
  spare.take();
  spare.prepare();
  started[0]?.kill();
  expect(spare.take()).toBe(started[1]);
});
