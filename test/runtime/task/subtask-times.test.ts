import { expect, test } from "vitest";
import { SubtaskTimes, type SubtaskWait } from "../../../runtime/task/subtask-times.ts";

/** One step from 100 to 110 that ends as given, and another one from 150 to 151. */
function timesAfter(wait: SubtaskWait): readonly number[] {
  const times = new SubtaskTimes();
  times.stepped(100, 110, wait);
  times.stepped(150, 151, "turn");
  return [times.busyMs, times.idleMs, times.backpressuredMs];
}

test.each<[SubtaskWait, busy: number, idle: number, backpressured: number]>([
  ["turn", 11, 0, 0],
  ["input", 11, 40, 0],
  ["credit", 11, 0, 40],
  ["function", 51, 0, 0],
])("what passes after a step that waits for %s", (wait, ...times) => {
  expect(timesAfter(wait)).toEqual(times);
});

test("what passed before its first step is not counted", () => {
  const times = new SubtaskTimes();
  times.stepped(5000, 5001, "input");
  expect([times.busyMs, times.idleMs, times.backpressuredMs]).toEqual([1, 0, 0]);
});
