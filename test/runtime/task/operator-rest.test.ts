import { expect, test } from "vitest";
import { dealtRest, type OperatorRest, restBytes } from "../../../runtime/task/operator-rest.ts";

const split = (elements: readonly unknown[]): OperatorRest["lists"][number] => ({
  name: "parts",
  mode: "split",
  elements,
});
const same = (elements: readonly unknown[]): OperatorRest["lists"][number] => ({
  name: "model",
  mode: "replicated",
  elements,
});

const parts = [
  restBytes({ watermark: 7, lists: [split(["a", "b"]), same([1])] }),
  restBytes({ watermark: 5, lists: [split(["c"])] }),
  restBytes({ watermark: Number.POSITIVE_INFINITY, lists: [split([])] }),
];

test.each([1, 2, 3, 5])("every element of a split list goes to one of %i subtasks, replicated ones to all", (count) => {
  const dealt = Array.from({ length: count }, (_, subtask) => dealtRest(parts, subtask, count));
  const elementsOf = (name: string) => dealt.map(({ lists }) => lists.find((list) => list.name === name)?.elements);
  expect(elementsOf("parts").flat().sort()).toEqual(["a", "b", "c"]);
  expect(elementsOf("model")).toEqual(dealt.map(() => [1]));
});

test("the watermark is the least that any subtask had", () => {
  expect(dealtRest(parts, 0, 2).watermark).toBe(5);
  expect(dealtRest(parts.slice(2), 0, 1).watermark).toBe(Number.POSITIVE_INFINITY);
});

test("where input comes by key, it is the least of those that had some of the subtask's key groups", () => {
  const three = [30, 10, 20].map((watermark) => restBytes({ watermark, lists: [] }));
  const watermarks = (count: number) =>
    Array.from({ length: count }, (_, subtask) => dealtRest(three, subtask, count, 12).watermark);
  expect(watermarks(3)).toEqual([30, 10, 20]);
  expect(watermarks(2)).toEqual([10, 10]);
  expect(watermarks(6)).toEqual([30, 30, 10, 10, 20, 20]);
  expect(watermarks(1)).toEqual([10]);
});
