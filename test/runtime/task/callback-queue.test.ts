import fc from "fast-check";
import { expect, test } from "vitest";
import { CallbackQueue } from "../../../runtime/task/callback-queue.ts";

test("callbacks run in order of time, and those of one time in order of adding", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(10)), fc.array(fc.nat(12)), (times, stops) => {
      const queue = new CallbackQueue();
      const ran: [number, number][] = [];
      for (const [i, time] of times.entries()) queue.add(time, () => ran.push([time, i]));
      for (const stop of stops.toSorted((a, b) => a - b)) {
        queue.runDue(stop);
        expect(queue.next()).toBe(Math.min(Number.POSITIVE_INFINITY, ...times.filter((time) => time > stop)));
      }
      queue.runDue(20);
      expect(ran).toEqual(
        times.map((time, i): [number, number] => [time, i]).toSorted(([a, i], [b, j]) => a - b || i - j),
      );
    }),
  );
});

test("what is not due waits", () => {
  const queue = new CallbackQueue();
  queue.add(5, () => {});
  expect(queue.runDue(4)).toBe(false);
  expect(queue.next()).toBe(5);
  expect(queue.runDue(5)).toBe(true);
  expect(queue.next()).toBe(Number.POSITIVE_INFINITY);
});

test("a callback may add another that is due at once", () => {
  const queue = new CallbackQueue();
  const ran: string[] = [];
  queue.add(1, () => {
    ran.push("first");
    queue.add(1, () => ran.push("second"));
  });
  queue.runDue(1);
  expect(ran).toEqual(["first", "second"]);
});
